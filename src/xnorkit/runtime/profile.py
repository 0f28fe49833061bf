"""Where the time of a run went, step by step.

>>> print(Profile((ProfileRow("fc1", "bdense", "bgemm_b1b1i32_4x64_avx2", 2e-6, 4_000_000),), batch=1))
       us      %   G/s  step  op      kernel
      2.0  100.0  2000  fc1   bdense  bgemm_b1b1i32_4x64_avx2
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ProfileRow:
    """One step. ``name``: the graph values it computes, fused ones joined by " + "; ``multiply_adds`` of the batch."""

    name: str
    op: str
    kernel: str
    seconds: float
    multiply_adds: int


@dataclass(frozen=True)
class Profile:
    """All steps of one call, chunks of a large batch added up."""

    rows: tuple[ProfileRow, ...]
    batch: int

    @property
    def seconds(self) -> float:
        """Sum over the steps: the call's time without conversions in Python."""
        return sum(row.seconds for row in self.rows)

    def __str__(self) -> str:
        total = self.seconds or 1.0
        cells = [("us", "%", "G/s", "step", "op", "kernel")]
        for row in self.rows:
            speed = f"{row.multiply_adds / row.seconds / 1e9:.0f}" if row.multiply_adds and row.seconds else "-"
            share = f"{100 * row.seconds / total:.1f}"
            cells.append((f"{row.seconds * 1e6:.1f}", share, speed, row.name, row.op, row.kernel))
        width = [max(len(line[i]) for line in cells) for i in range(6)]
        width[0] = max(width[0], 9)
        lines = []
        for line in cells:
            right = [line[i].rjust(width[i]) for i in range(3)]
            left = [line[i].ljust(width[i]) for i in range(3, 6)]
            lines.append("  ".join(right + left).rstrip())
        return "\n".join(lines)
