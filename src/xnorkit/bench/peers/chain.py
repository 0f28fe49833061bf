"""Peers that run models: one layer gives the answer, a chain of five may give the time.

A runtime's call costs more than its layer: checks, layout changes at both ends, packing of the input. A chain of five
layers less one, over four, is the layer alone, its data already in the layout the system likes. But five layers also
read five weights, where one repeated layer keeps its own in the caches. Each peer is given the faster of both clocks.
"""

from __future__ import annotations

import math
import time
from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from ...errors import BenchError
from ...reference import binary
from ..case import Case
from ..works import Work
from .contract import Array, Runner, require_close, require_equal

CHAIN = 5
PROBES = 12
"""Runs of each clock before the faster one is taken."""

Arithmetic = Literal["binary", "int8", "fp32"]


@dataclass(frozen=True)
class Layer:
    """What a peer builds one layer from. weight: (O, kH, kW, C), -1/+1, or -127..127 where ``int8``.

    threshold, flip: of the binary layer, (O,). shift: an int8 layer's sums are divided by ``2**shift`` and rounded.
    """

    work: Work
    weight: NDArray[np.int8]
    threshold: NDArray[np.int32]
    flip: NDArray[np.int8]
    shift: int


class Model(Protocol):
    """A built model with its input in place."""

    def run(self) -> None:
        """One inference."""

    def output(self) -> Array:
        """(N, Ho, Wo, O), of the last layer of the last run."""


def layers(case: Case, count: int, arithmetic: Arithmetic) -> list[Layer]:
    """``count`` layers that fit one after the other; the first is the case's.

    Where a dense layer has other outputs than inputs, every second one goes back: as many multiply-adds.

    >>> from ..works import dense
    >>> [layer.weight.shape for layer in layers(Case(dense(1, 8, 4)), 3, "binary")]
    [(4, 1, 1, 8), (8, 1, 1, 4), (4, 1, 1, 8)]
    """
    weight = case.weight_i8 if arithmetic == "int8" else case.weight
    back = weight if case.work.kind == "conv" else np.ascontiguousarray(weight.transpose(3, 1, 2, 0))
    shift = requantization_shift(case) if arithmetic == "int8" else 0
    made = []
    for number in range(count):
        w = back if number % 2 else weight
        made.append(Layer(case.work, w, np.resize(case.threshold, len(w)), np.resize(case.flip, len(w)), shift))
    return made


def requantization_shift(case: Case) -> int:
    """The power of two that brings an int8 case's sums to about 64 in the mean square."""
    rms = float(np.sqrt(np.mean(np.square(case.sums_i8.astype(np.float64)))))
    return max(0, round(math.log2(max(rms, 1.0))) - 6)


def requantized(case: Case, low: int, high: int) -> Array:
    """Whole float64 (N, Ho, Wo, O): ``sums_i8`` by ``2**-shift``, rounded half to even, clipped."""
    rounded: Array = np.rint(case.sums_i8 * 2.0 ** -requantization_shift(case))
    return np.clip(rounded, low, high)


def require_steps(where: str, got: Array, expected: Array) -> None:
    """Raise BenchError unless each 8-bit value is at most one from the expected: systems round halves in their ways."""
    if got.shape != expected.shape:
        raise BenchError(where, "shape of the answer", got=got.shape, expected=expected.shape)
    worst = int(np.abs(got.astype(np.float64) - expected).max())
    if worst > 1:
        raise BenchError(where, "largest error", got=f"{worst} steps of the 8-bit output", expected="at most 1")


class ChainRunner(Runner):
    """Base of a system's runner: the system says how to ``build`` a model and the range of its 8-bit outputs."""

    arithmetic: Arithmetic
    int8_range = (0, 255)

    def __init__(self, case: Case, threads: int) -> None:
        self.case, self.threads = case, threads
        self._one = self.build(layers(case, 1, self.arithmetic))
        self._five: Model | None = None
        self._chosen = False
        self._best_one = self._best_five = math.inf

    @abstractmethod
    def build(self, layers: Sequence[Layer]) -> Model:
        """The layers in a row, on the input of ``self.case`` that fits the arithmetic."""

    def run(self) -> None:
        self._one.run()

    def answer(self) -> Array:
        return self._one.output()

    def check(self, case: Case) -> None:
        """One layer: fp32 close, 8-bit outputs within a step, binary sums equal; two binary layers: equal, too."""
        where = type(self).__name__
        self.run()
        if self.arithmetic == "fp32":
            require_close(where, self.answer(), case.sums)
        elif self.arithmetic == "int8":
            require_steps(where, self.answer(), requantized(case, *self.int8_range))
        else:
            require_equal(where, self.answer(), case.sums)
            self._check_two(where, case)

    def _check_two(self, where: str, case: Case) -> None:
        """The threshold between two layers."""
        if not fits_itself(case.work):
            return
        first, second = layers(case, 2, "binary")
        model = self.build([first, second])
        model.run()
        padding = (case.work.padding,) * 4
        require_equal(where, model.output(), binary.bconv2d(case.bits, second.weight, padding=padding))

    def _choose_clock(self) -> None:
        """Float and int8 matrices are never chained: five would stream from memory what one keeps in the caches."""
        self._chosen = True
        work = self.case.work
        if not fits_itself(work) or (work.kind == "dense" and self.arithmetic != "binary"):
            return
        five = self.build(layers(self.case, CHAIN, self.arithmetic))
        for _ in range(PROBES):
            self._best_one = min(self._best_one, _seconds(self._one))
            self._best_five = min(self._best_five, _seconds(five))
        if self._best_one < self._best_five < CHAIN * self._best_one:
            self._five = five

    def seconds(self) -> float:
        """By the clock chosen. A chain's time is multiplied by one layer's share of it at the best runs so far: the
        plain difference of two runs flatters or hurts whenever a busy machine delays only one of them.
        """
        if not self._chosen:
            self._choose_clock()
        one = _seconds(self._one)
        if self._five is None:
            return one
        five = _seconds(self._five)
        self._best_one, self._best_five = min(self._best_one, one), min(self._best_five, five)
        if self._best_five <= self._best_one:  # too short a layer for this clock
            self._five = None
            return one
        return five * (self._best_five - self._best_one) / (CHAIN - 1) / self._best_five


def fits_itself(work: Work) -> bool:
    """Whether layers of this work can follow each other, see ``layers``.

    >>> from ..works import conv
    >>> fits_itself(conv(3, 8, 5)), fits_itself(conv(3, 8, 5, stride=2))
    (True, False)
    """
    same = work.size == work.out_size and work.channels == work.out_channels
    return work.kind == "dense" or (work.kind == "conv" and same)


def _seconds(model: Model) -> float:
    begun = time.perf_counter()
    model.run()
    return time.perf_counter() - begun
