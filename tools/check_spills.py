"""Print the inner loops of the AVX2 matrix kernels and fail where one keeps vector registers on the stack.

    python tools/check_spills.py [BUILD_FOLDER]

Reads the disassembly (``objdump``) of the engine's objects. An inner loop is straight code that ends in a jump to
its own begin; or, where a kernel unrolls its loop to the end, straight code with STRAIGHT_VECTOR_OPS vector operations.
Loops with fewer vector operations than their kernel's row says move data and do not count.
"""

from __future__ import annotations

import platform
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

STRAIGHT_VECTOR_OPS = 100


@dataclass(frozen=True)
class Kernel:
    """A source. ``most``: stack accesses of vector registers in one loop; ``least``: vector operations of a loop."""

    source: str
    most: int = 0
    least: int = 12


KERNELS = (
    Kernel("bgemm/pairs_avx2.cc", least=20),
    # Two trees side by side want 18 registers; sharing broadcasts saves more than the stack costs (decision 6).
    Kernel("bgemm/alone_avx2.cc", most=16, least=20),
    Kernel("wgemm/wgemm_avx2.cc"),
    # Eight additions from memory and nothing else.
    Kernel("fsgemm/fsgemm_avx2.cc", least=8),
    Kernel("fgemm/fgemm_avx2.cc"),
    Kernel("fgemm/narrow_avx2.cc"),
    Kernel("qgemm/qgemm_avx2.cc"),
)

LINE = re.compile(r"^\s*([0-9a-f]+):\s+(\S+)\s*(.*)$")
FUNCTION = re.compile(r"^[0-9a-f]+ <(.+)>:$")


@dataclass(frozen=True)
class Instruction:
    """One line of the disassembly."""

    address: int
    name: str
    operands: str

    @property
    def vector(self) -> bool:
        return "%ymm" in self.operands

    @property
    def spills(self) -> bool:
        return self.vector and ("(%rsp" in self.operands or "(%rbp" in self.operands)

    @property
    def target(self) -> int | None:
        """Where a jump inside its function goes."""
        found = re.match(r"([0-9a-f]+) <", self.operands) if self.name.startswith("j") else None
        return int(found.group(1), 16) if found else None


def functions(path: Path) -> dict[str, list[Instruction]]:
    """Function -> its instructions; names demangled."""
    command = ["objdump", "-d", "-C", "--no-show-raw-insn", str(path)]
    text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    found: dict[str, list[Instruction]] = {}
    current: list[Instruction] = []
    for line in text.splitlines():
        if head := FUNCTION.match(line):
            current = found.setdefault(head.group(1), [])
        elif match := LINE.match(line):
            current.append(Instruction(int(match.group(1), 16), match.group(2), match.group(3)))
    return found


def inner_loops(code: list[Instruction]) -> list[list[Instruction]]:
    """Bodies that end in a jump to their own begin and hold no other jump."""
    jumps = [i for i in code if i.target is not None]
    bodies = [[i for i in code if j.target <= i.address <= j.address] for j in jumps if j.target is not None]
    return [body for body in bodies if sum(i.target is not None for i in body) == 1]


def straight(code: list[Instruction]) -> Iterator[list[Instruction]]:
    """Stretches that nothing jumps into or out of, but loops that ``inner_loops`` has."""
    targets = {i.target for i in code if i.target is not None}
    body: list[Instruction] = []
    for i in code:
        if i.address in targets and body:
            yield body
            body = []
        body.append(i)
        if i.name.startswith("j"):
            if i.target != body[0].address:
                yield body
            body = []
    yield body


def check(kernel: Kernel, build: Path) -> int:
    """Prints the kernel's loops; how many spill, or 1 where there is none."""
    seen = wrong = 0
    path = build / "CMakeFiles/xnorkit_engine.dir/engine/kernels" / f"{kernel.source}.o"
    for name, code in functions(path).items():
        loops = [("loop", body, kernel.least) for body in inner_loops(code)]
        loops += [("straight code", body, STRAIGHT_VECTOR_OPS) for body in straight(code)]
        for kind, body, least in loops:
            vector, spills = sum(i.vector for i in body), sum(i.spills for i in body)
            if vector < least:
                continue
            seen += 1
            wrong += spills > kernel.most
            short = re.sub(r"\(.*", "", name.replace("(anonymous namespace)::", "").replace("xnorkit::", ""))
            where = f"{kernel.source} {short} {kind} at {body[0].address:#x}"
            print(f"{where}: {len(body)} instructions, {vector} vector, {spills} on the stack (at most {kernel.most})")
    if not seen:
        print(f"[check_spills] {kernel.source}: got no inner loop, expected at least one", file=sys.stderr)
    return wrong or not seen


def main() -> int:
    """Exit status: 1 where a loop spills or a kernel has no loop."""
    if platform.machine() not in ("x86_64", "AMD64"):
        print("check_spills: the kernels with a bound are x86-64's, nothing to check here")
        return 0
    build = Path(sys.argv[1] if len(sys.argv) > 1 else "build/dev")
    return 1 if sum([check(kernel, build) for kernel in KERNELS]) else 0


if __name__ == "__main__":
    sys.exit(main())
