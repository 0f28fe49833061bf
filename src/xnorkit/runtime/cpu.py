"""What this CPU has and which kernels the engine would choose on it.

>>> isa() in levels()
True
>>> best = {row["family"] for row in kernels() if row["runs_here"]}
>>> sorted(best)
['bdepth', 'bgemm', 'deal', 'eltwise', 'fgemm', 'fsgemm', 'kmap', 'lookup', 'pool', 'qgemm', 'wgemm']
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .native import engine, failures

if TYPE_CHECKING:
    from ._engine import KernelRow


def isa() -> str:
    """The highest instruction set level this CPU and its operating system support."""
    return engine.detect_isa()


def levels() -> list[str]:
    """All levels of this processor's architecture, each including the ones before it.

    x86: scalar, popcnt, avx2, avx512bw, avx512vpopcnt. 64-bit ARM: scalar, neon.
    """
    return engine.isa_levels()


def checked_isa(wanted: str) -> str:
    """``wanted``, or ``isa()`` for "". Raises RangeError (unknown) or UnsupportedError (this CPU lacks it)."""
    with failures():
        return engine.check_isa(wanted)


def kernels() -> list[KernelRow]:
    """The kernel table: family, name, isa, runs_here."""
    return engine.kernels()
