"""Run the engine's AVX-512 kernels where no AVX-512 CPU is: a bare image of the conformance suite, booted by Bochs.

usage: run_bochs.py [SHAPES]     Needs: apt-get install bochs grub-pc-bin grub-common xorriso mtools binutils g++

The image compiles the kernel files with the flags of their suffix, so the instructions are those that ship. Passes when
each kernel's line says that SHAPES shapes ran and none differ, and the closing line came.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
ENGINE = ROOT / "engine"
BUILD = ROOT / "build" / "bochs"
KERNELS = ("bgemm_b1b1i32_8x64_avx512bw", "bgemm_b1b1i32_4x64_avx512vpopcnt")
TOOLS = {"bochs": "bochs", "grub-mkrescue": "grub-common", "xorriso": "xorriso", "mformat": "mtools", "g++": "g++"}
INSTALL = "apt-get install bochs grub-pc-bin grub-common xorriso mtools binutils g++"
LIMIT_S = 900

FLAGS = ["-std=c++20", "-O2", "-ffp-contract=off", "-fno-exceptions", "-fno-rtti", "-fno-pic", "-fno-stack-protector",
         "-mno-red-zone", "-fno-threadsafe-statics", "-mpopcnt"]  # fmt: skip
AVX512BW = ["-mavx512f", "-mavx512bw", "-mavx512vl", "-mavx512dq", "-mpopcnt"]
SUFFIX_FLAGS = {
    "_popcnt": ["-mpopcnt"],
    "_avx2": ["-mavx2", "-mpopcnt"],
    "_avx512bw": AVX512BW,
    "_avx512vpopcnt": [*AVX512BW, "-mavx512vpopcntdq"],
}
"""As in CMakeLists.txt. The suite and the scalar row use POPCNT here: emulated time is dear."""
SOURCES = ("bare/main.cc", "kernels/bgemm/conformance.cc", "kernels/bgemm/scalar.cc", "kernels/bgemm/lanes32.cc",
           "kernels/bgemm/select.cc")  # fmt: skip

BOCHSRC = """\
display_library: rfb, options="timeout=0"
megs: 128
cpu: model=corei7_icelake_u, count=1, ips=50000000, reset_on_triple_fault=0
romimage: file=/usr/share/bochs/BIOS-bochs-latest
vgaromimage: file=/usr/share/bochs/VGABIOS-lgpl-latest
boot: cdrom
ata0-master: type=cdrom, path={iso}, status=inserted
port_e9_hack: enabled=1
log: {log}
panic: action=fatal
clock: sync=none
sound: driver=dummy
speaker: enabled=0
plugin_ctrl: speaker=0, gameport=0
"""


def build_image(shapes: int) -> Path:
    """The bootable image: the suite and the binary GEMM's whole table."""
    BUILD.mkdir(parents=True, exist_ok=True)
    objects = [BUILD / "boot.o"]
    _call("g++", "-c", ENGINE / "bare/boot.S", "-o", objects[0])
    kernels = sorted(p for suffix in SUFFIX_FLAGS for p in (ENGINE / "kernels/bgemm").glob(f"*{suffix}.cc"))
    for source in [*(ENGINE / name for name in SOURCES), *kernels]:
        objects.append(BUILD / f"{source.stem}.o")
        extra = next((flags for suffix, flags in SUFFIX_FLAGS.items() if source.stem.endswith(suffix)), [])
        _call("g++", *FLAGS, *extra, f"-DXNORKIT_BARE_SHAPES={shapes}", "-I", ENGINE, "-c", source, "-o", objects[-1])
    elf = BUILD / "suite.elf"
    _call("g++", "-nostdlib", "-static", "-no-pie", "-Wl,-T", ENGINE / "bare/link.ld", "-Wl,--build-id=none",
          *objects, "-lgcc", "-o", elf)  # fmt: skip
    tree = BUILD / "iso"
    (tree / "boot/grub").mkdir(parents=True, exist_ok=True)
    _call("objcopy", "-O", "elf32-i386", elf, tree / "boot/suite.elf")
    (tree / "boot/grub/grub.cfg").write_text("multiboot /boot/suite.elf\nboot\n")
    iso = BUILD / "suite.iso"
    _call("grub-mkrescue", "-o", iso, tree)
    return iso


def boot(iso: Path) -> str:
    """What the image printed. Bochs exits with 1 after a shutdown that the guest asked for: its status says nothing."""
    rc = BUILD / "bochsrc"
    rc.write_text(BOCHSRC.format(iso=iso, log=BUILD / "bochs.log"))
    run = subprocess.run(["bochs", "-q", "-f", rc], input=b"c\n", stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                         timeout=LIMIT_S, check=False)  # fmt: skip
    return run.stdout.decode(errors="replace")


def judge(text: str, shapes: int) -> list[str]:
    """What is wrong with the printed verdicts; [] when all kernels passed.

    >>> good = "".join(f"{name} 5 shapes, 9 output bytes, 0 differ\\n" for name in KERNELS) + "end\\n"
    >>> judge(good, 5)
    []
    >>> judge(good.replace("0 differ", "1 differ", 1), 5)
    ['bgemm_b1b1i32_8x64_avx512bw: 1 of 5 shapes differ']
    >>> judge(good, 6)[0]
    'bgemm_b1b1i32_8x64_avx512bw: got 5 shapes, expected 6'
    >>> judge("cpu: no AVX-512\\n", 5)[-1]
    'the closing line is missing: the image did not run to its end'
    """
    wrong = []
    for name in KERNELS:
        line = re.search(rf"^{name} (\d+) shapes, \d+ output bytes, (\d+) differ$", text, re.MULTILINE)
        if line is None:
            wrong.append(f"{name}: no verdict")
        elif int(line[1]) != shapes:
            wrong.append(f"{name}: got {line[1]} shapes, expected {shapes}")
        elif int(line[2]) != 0:
            wrong.append(f"{name}: {line[2]} of {shapes} shapes differ")
    if not re.search(r"^end$", text, re.MULTILINE):
        wrong.append("the closing line is missing: the image did not run to its end")
    return wrong


def main(arguments: list[str]) -> int:
    """Exit status: 0 when every kernel passed."""
    missing = sorted(tool for tool in TOOLS if shutil.which(tool) is None)
    if missing:
        print(f"not found: {', '.join(missing)}; hint: {INSTALL}", file=sys.stderr)
        return 1
    shapes = int(arguments[0]) if arguments else 5000
    iso = build_image(shapes)
    start = time.monotonic()
    text = boot(iso)
    lines = [line for line in text.splitlines() if line.startswith(("cpu:", "bgemm_", " ", "end"))]
    wrong = judge(text, shapes)
    print("\n".join(line for line in lines if line.startswith(("cpu:", "bgemm_"))))
    print("\n".join(wrong) if wrong else f"Bochs: all equal the scalar row ({time.monotonic() - start:.0f} s)")
    return 1 if wrong else 0


def _call(*command: str | Path) -> None:
    run = subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False)
    if run.returncode != 0:
        raise SystemExit(f"{command[0]} failed:\n{run.stdout}{run.stderr}\nhint: {INSTALL}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
