"""This core's own limits, measured: multiply-adds a second with everything in registers, bytes a second from memory.

The loops are the engine's (``engine/kernels/peak/peak.h``); each is the inner step of a kernel family. A kernel's share
of its peak, both from one run, says what loads, tails and epilogues cost, whatever else the machine does.

>>> peak_of("no_such_kernel_avx2") is None
True
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..runtime.native import engine, failures

FAMILIES = {"bgemm": "binary", "qgemm": "int8", "fgemm": "float32"}
"""Kernel family -> kind of arithmetic of its peak."""
MULTIPLY_ADDS_A_CALL = 20_000_000
"""Of one timed call: 20 us to 1 ms."""
LEVELS = {"L2": 1 << 18, "memory": 1 << 27}
"""Where a buffer of so many bytes lies."""


@dataclass(frozen=True)
class Peak:
    """A loop of the engine."""

    name: str
    isa: str
    kind: str
    multiply_adds: int

    @property
    def iterations(self) -> int:
        """Of one timed call."""
        return max(1, MULTIPLY_ADDS_A_CALL // self.multiply_adds)

    def seconds(self) -> float:
        """Of one timed call."""
        with failures():
            return engine.run_peak(self.name, self.iterations)

    def gmacs(self, seconds: float) -> float:
        """Giga multiply-adds a second when a timed call takes ``seconds``."""
        return self.iterations * self.multiply_adds / seconds / 1e9


def peaks() -> tuple[Peak, ...]:
    """The loops that run on this CPU."""
    rows = (row for row in engine.peaks() if row["runs_here"])
    return tuple(Peak(row["name"], row["isa"], row["kind"], row["multiply_adds"]) for row in rows)


def peak_of(kernel: str) -> Peak | None:
    """The loop of a kernel's family and instruction set, read from its name; None where there is none."""
    family, _, rest = kernel.partition("_")
    level = rest.rpartition("_")[2]
    return next((p for p in peaks() if p.kind == FAMILIES.get(family) and p.isa == level), None)


def read_gigabytes(size: int, calls: int = 9) -> float:
    """Gigabytes a second at which a buffer of ``size`` bytes is read again and again; the best of ``calls``."""
    words = np.ones(size // 8, np.uint64)
    return size / min(engine.read_memory(words) for _ in range(calls)) / 1e9
