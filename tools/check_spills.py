"""Print the inner loops of the binary kernels and fail where one keeps vector registers on the stack.

    python tools/check_spills.py [BUILD_FOLDER]

Reads the disassembly (``objdump``) of the engine's objects. An inner loop is straight code that ends in a jump to
its own begin. Only loops with at least MIN_VECTOR_OPS vector operations count; shorter ones move data.
"""

from __future__ import annotations

import platform
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

MIN_VECTOR_OPS = 20
KERNELS = {"bgemm/pairs_avx2.cc": 0, "bgemm/alone_avx2.cc": 16}
"""Source -> most stack accesses of vector registers in one loop. alone: two trees side by side want
18 registers; sharing the broadcasts saves more loads than the stack costs (docs/decisions/0006)."""

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


def main() -> int:
    """Exit status: 1 where a loop spills or a kernel has no loop."""
    if platform.machine() not in ("x86_64", "AMD64"):
        print("check_spills: the kernels with a bound are x86-64's, nothing to check here")
        return 0
    build = Path(sys.argv[1] if len(sys.argv) > 1 else "build/dev")
    wrong = 0
    for source, most in KERNELS.items():
        path = build / "CMakeFiles/xnorkit_engine.dir/engine/kernels" / f"{source}.o"
        seen = 0
        for name, code in functions(path).items():
            for loop in inner_loops(code):
                vector, spills = sum(i.vector for i in loop), sum(i.spills for i in loop)
                if vector < MIN_VECTOR_OPS:
                    continue
                seen += 1
                wrong += spills > most
                short = re.sub(r"\(.*", "", name.replace("(anonymous namespace)::", ""))
                where = f"{source} {short} at {loop[0].address:#x}"
                print(f"{where}: {len(loop)} instructions, {vector} vector, {spills} on the stack (at most {most})")
        if not seen:
            print(f"[check_spills] {source}: got no inner loop, expected at least one", file=sys.stderr)
            wrong += 1
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
