"""What a system must offer to be raced: a ``Peer`` (a row of ``peers.table.PEERS``) that prepares a ``Runner``."""

from __future__ import annotations

import importlib.util
import shutil
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ...errors import BenchError
from ..case import Case
from ..works import Work

Kind = Literal["binary", "int8", "fp32", "textbook"]
Array = NDArray[Any]


class Runner(ABC):
    """One system ready to run one case: its arrays are in place, in the layout it likes best."""

    @abstractmethod
    def run(self) -> None:
        """One inference, the timed call."""

    @abstractmethod
    def answer(self) -> Array:
        """What the last ``run`` computed: (N, Ho, Wo, O) sums, -1/+1 bits or floats."""

    @abstractmethod
    def check(self, case: Case) -> None:
        """Run once and raise BenchError where the answer is wrong: see ``require_equal`` and ``require_close``."""

    def seconds(self) -> float:
        """Seconds of one inference. Override where the system has a fairer clock than the wall time of ``run``: a
        chain of five layers less one, over four, takes away its call overhead and its layout changes at the ends."""
        begun = time.perf_counter()
        self.run()
        return time.perf_counter() - begun


@dataclass(frozen=True)
class Peer:
    """One system in one precision.

    system: its name in the rows; kind: of arithmetic. module: what must be importable, program: what must be on the
    path; None for nothing. install: the command that brings it. works: whether it takes part in a work. version: called
    only where it is installed. prepare(case, threads): a ready Runner; may raise BenchError. threads: its own number,
    whatever the race asks for.
    """

    system: str
    kind: Kind
    install: str
    works: Callable[[Work], bool]
    prepare: Callable[[Case, int], Runner]
    version: Callable[[], str]
    module: str | None = None
    program: str | None = None
    threads: int | None = None

    @property
    def installed(self) -> bool:
        """Whether module and program are found; imports nothing."""
        has_module = self.module is None or importlib.util.find_spec(self.module) is not None
        return has_module and (self.program is None or shutil.which(self.program) is not None)


def require_equal(where: str, got: Array, expected: Array) -> None:
    """Raise BenchError unless shapes and all values are equal.

    >>> require_equal("peer", np.zeros(3), np.array([0, 1, 0]))
    Traceback (most recent call last):
        ...
    xnorkit.errors.BenchError: [peer] answer: got 1 wrong of 3, expected the reference's
    """
    _require_shape(where, got, expected)
    wrong = int(np.count_nonzero(got != expected))
    if wrong:
        raise BenchError(where, "answer", got=f"{wrong} wrong of {expected.size}", expected="the reference's")


def require_close(where: str, got: Array, expected: Array, share: float = 1e-3) -> None:
    """Raise BenchError unless every error is at most ``share`` of the largest expected magnitude (Winograd rounds)."""
    _require_shape(where, got, expected)
    limit = share * float(np.abs(expected).max())
    worst = float(np.abs(np.asarray(got, np.float64) - expected).max())
    if not worst <= limit:  # a NaN is wrong, too
        raise BenchError(where, "largest error", got=f"{worst:.4g}", expected=f"at most {limit:.4g}")


def _require_shape(where: str, got: Array, expected: Array) -> None:
    if got.shape != expected.shape:
        raise BenchError(where, "shape of the answer", got=got.shape, expected=expected.shape)
