"""Gates against their truth tables; the perceptron's rule against its bound."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xnorkit.errors import DTypeError, RangeError, ShapeError
from xnorkit.reference import perceptron
from xnorkit.reference.conventions import sign
from xnorkit.reference.neuron import GATES, Neuron

MEANING = {
    "not": lambda a, b: not a,
    "and": lambda a, b: a and b,
    "or": lambda a, b: a or b,
    "nor": lambda a, b: not (a or b),
    "nand": lambda a, b: not (a and b),
    "xor": lambda a, b: a != b,
    "xnor": lambda a, b: a == b,
}


@pytest.mark.parametrize("name", GATES)
def test_gates_have_their_truth_table(name: str) -> None:
    pairs = list(itertools.product((0, 1), repeat=2))
    got = GATES[name].run(np.array(pairs, np.uint8))
    assert got.ravel().tolist() == [int(MEANING[name](*pair)) for pair in pairs]


@given(st.data())
def test_a_neuron_counts_and_one_inhibitor_vetoes(data: st.DataObject) -> None:
    inputs = data.draw(st.integers(1, 6))
    roles = data.draw(st.lists(st.sampled_from("ei-"), min_size=inputs, max_size=inputs))
    x = data.draw(st.lists(st.integers(0, 1), min_size=inputs, max_size=inputs))
    threshold = data.draw(st.integers(0, 6))
    at = {role: tuple(i for i, r in enumerate(roles) if r == role) for role in "ei"}
    fires = sum(x[i] for i in at["e"]) >= threshold and not any(x[i] for i in at["i"])
    assert Neuron(at["e"], at["i"], threshold).fire(np.array([x], np.uint8)).tolist() == [int(fires)]


def test_a_neuron_refuses_what_is_no_bit() -> None:
    gate = Neuron((0, 1), (), 1)
    with pytest.raises(RangeError, match="got 2, expected only 0 and 1"):
        gate.fire(np.array([[0, 2]], np.uint8))
    with pytest.raises(ShapeError, match="inputs: got 1, expected at least 2"):
        gate.fire(np.array([[0]], np.uint8))
    with pytest.raises(DTypeError):
        gate.fire(np.array([[0.0, 1.0]]))
    with pytest.raises(RangeError, match="each once"):
        Neuron((0,), (0,), 1)
    with pytest.raises(RangeError, match="threshold"):
        Neuron((0,), (), -1)


def _separable(seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, float]:
    """Points at least 0.05 from a random line, with the labels of their sides, and the line."""
    rng = np.random.default_rng(seed)
    line = rng.standard_normal(int(rng.integers(2, 7)))
    line /= np.linalg.norm(line)
    x = rng.uniform(-1, 1, (60, line.size - 1))
    distance = x @ line[:-1] + line[-1]
    x, distance = x[np.abs(distance) > 0.05], distance[np.abs(distance) > 0.05]
    return x, sign(distance), line[:-1], float(line[-1])


@given(st.integers(0, 10**6))
@settings(max_examples=60)
def test_mistakes_stay_within_the_bound(seed: int) -> None:
    x, y, weights, bias = _separable(seed)
    if len(x) == 0:
        return
    found = perceptron.fit(x, y, max_epochs=100_000)
    assert found.converged
    assert (perceptron.predict(x, found.weights, found.bias) == y).all()
    assert found.total <= perceptron.mistake_bound(x, y, weights, bias)


@given(st.integers(0, 10**6), st.sampled_from([0.25, 0.5, 2.0, 1024.0]))
@settings(max_examples=30)
def test_the_rate_changes_the_length_only(seed: int, rate: float) -> None:
    """Powers of two scale without rounding, so the line of another rate is the same line exactly."""
    x, y, *_ = _separable(seed)
    if len(x) == 0:
        return
    one, other = perceptron.fit(x, y), perceptron.fit(x, y, rate=rate)
    assert one.mistakes == other.mistakes
    assert (other.weights == rate * one.weights).all() and other.bias == rate * one.bias


def test_xor_ends_at_the_epoch_limit_and_says_so() -> None:
    x = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
    y = np.array([-1, 1, 1, -1], np.int8)
    found = perceptron.fit(x, y, max_epochs=25)
    assert not found.converged and len(found.mistakes) == 25
    assert found.report().startswith("not separated after 25 epochs: at least ")
    with pytest.raises(RangeError, match="margin"):
        perceptron.mistake_bound(x, y, np.array([1.0, 1.0]), -0.5)
    with pytest.raises(RangeError, match=r"\|\(w, b\)\|: got 0.0"):
        perceptron.margin(x, y, np.zeros(2), 0.0)


def test_the_perceptron_refuses_bad_input() -> None:
    x, y = np.ones((2, 3)), np.array([1, -1], np.int8)
    with pytest.raises(RangeError, match="x: got NaN or infinity"):
        perceptron.fit(np.full((2, 3), np.nan), y)
    with pytest.raises(RangeError, match="y: got 0"):
        perceptron.fit(x, np.array([1, 0], np.int8))
    with pytest.raises(ShapeError, match=r"y: got \(1,\)"):
        perceptron.fit(x, y[:1])
    with pytest.raises(ShapeError, match="points"):
        perceptron.fit(x[:0], y[:0])
    with pytest.raises(RangeError, match="x: got NaN or infinity"):
        perceptron.predict(np.full((1, 3), np.nan), np.ones(3), 0.0)
    with pytest.raises(RangeError, match="x: got NaN or infinity"):
        perceptron.radius(np.full((1, 3), np.inf))
    with pytest.raises(ShapeError, match=r"weights: got \(2,\), expected \(3,\)"):
        perceptron.predict(x, np.ones(2), 0.0)
    for wrong in ({"rate": "1"}, {"max_epochs": 2.5}):
        with pytest.raises(DTypeError):
            perceptron.fit(x, y, **wrong)
    for options in ({"rate": 0.0}, {"rate": np.inf}, {"max_epochs": 0}):
        with pytest.raises(RangeError):
            perceptron.fit(x, y, **options)
