"""The chain's clock on models of known cost, and the integers int8 peers are compared with."""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np
import pytest

from xnorkit.bench.case import Case
from xnorkit.bench.peers import chain
from xnorkit.bench.works import Work, conv, dense
from xnorkit.errors import BenchError


class _Model:
    def __init__(self, seconds: float) -> None:
        self.seconds = seconds

    def run(self) -> None:
        time.sleep(self.seconds)

    def output(self) -> np.ndarray:
        return np.zeros(1)


class _Runner(chain.ChainRunner):
    """A call costs ``overhead``, each layer ``layer`` seconds."""

    arithmetic = "fp32"

    def __init__(self, work: Work, overhead: float, layer: float) -> None:
        self.costs = overhead, layer
        self.built: list[int] = []
        super().__init__(Case(work), threads=1)

    def build(self, layers: Sequence[chain.Layer]) -> chain.Model:
        self.built.append(len(layers))
        overhead, layer = self.costs
        return _Model(overhead + layer * len(layers))


def test_the_chain_takes_away_the_overhead_of_a_call() -> None:
    runner = _Runner(conv(3, 8, 4), overhead=0.004, layer=0.002)
    assert 0.0015 < min(runner.seconds() for _ in range(5)) < 0.004  # one call takes 0.006
    assert runner.built == [1, chain.CHAIN]


def test_a_chain_that_costs_more_than_its_layers_is_not_used() -> None:
    runner = _Runner(conv(3, 8, 4), overhead=-0.002, layer=0.003)  # one 0.001, five 0.013
    assert min(runner.seconds() for _ in range(5)) < 0.003


@pytest.mark.parametrize("work", [dense(1, 8, 8), conv(3, 8, 6, stride=2)])
def test_float_matrices_and_layers_that_do_not_fit_themselves_are_timed_alone(work: Work) -> None:
    runner = _Runner(work, overhead=0.0, layer=0.0001)
    assert runner.seconds() > 0
    assert runner.built == [1]


def test_requantized_answers_fill_the_range_and_one_step_is_allowed() -> None:
    case = Case(conv(3, 16, 5), seed=1)
    expected = chain.requantized(case, -128, 127)
    assert 32 < np.sqrt(np.mean(np.square(expected))) < 128
    chain.require_steps("peer", expected + 1, expected)
    with pytest.raises(BenchError, match="2 steps"):
        chain.require_steps("peer", expected + 2, expected)
    with pytest.raises(BenchError, match="shape"):
        chain.require_steps("peer", expected[:, :1], expected)
