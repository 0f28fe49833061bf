"""The four equations: against central differences, in their three forms, and what the net refuses."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from xnorkit.errors import DTypeError, RangeError, ShapeError
from xnorkit.reference import backprop, mlp
from xnorkit.reference.backprop import ACTIVATIONS
from xnorkit.reference.costs import COSTS

NETS = 40
STEP = 1e-6


def random_net(seed: int) -> tuple[mlp.Net, np.ndarray, np.ndarray]:
    """A net of 1 to 4 layers with a batch ``x, y``; every activation and cost is met."""
    rng = np.random.default_rng(seed)
    sizes = rng.integers(1, 7, size=rng.integers(2, 6)).tolist()
    hidden, cost = list(ACTIVATIONS)[seed % 4], list(COSTS)[seed // 4 % 2]
    output = "sigmoid" if cost == "cross_entropy" else list(ACTIVATIONS)[seed // 8 % 4]
    scale = mlp.SCALES[seed % 3]
    net = mlp.initial(sizes, rng, activation=hidden, output=output, cost=cost, scale=scale)
    biases = tuple(rng.standard_normal(b.shape) for b in net.biases)  # at 0 a dead layer puts the next at relu's kink
    net = replace(net, biases=biases)
    count = int(rng.integers(1, 6))
    return net, rng.standard_normal((count, sizes[0])), rng.uniform(0, 1, (count, sizes[-1]))


def _difference(net: mlp.Net, layer: int, kind: str, index: tuple[int, ...], x: np.ndarray, y: np.ndarray) -> float:
    ends = []
    for side in (STEP, -STEP):
        arrays = [a.copy() for a in getattr(net, kind)]
        arrays[layer][index] += side
        ends.append(mlp.cost(replace(net, **{kind: tuple(arrays)}), x, y))
    return (ends[0] - ends[1]) / (2 * STEP)


@pytest.mark.parametrize("seed", range(NETS))
def test_gradients_are_central_differences(seed: int) -> None:
    net, x, y = random_net(seed)
    found = mlp.gradients(net, x, y)
    for kind in ("weights", "biases"):
        for layer, gradient in enumerate(getattr(found, kind)):
            expected = np.zeros_like(gradient)
            for index in np.ndindex(gradient.shape):
                expected[index] = _difference(net, layer, kind, index, x, y)
            np.testing.assert_allclose(gradient, expected, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("seed", range(NETS))
def test_a_batch_is_the_mean_of_its_examples_and_products_say_the_same(seed: int) -> None:
    net, x, y = random_net(seed)
    found, trace = mlp.gradients(net, x, y), mlp.forward(net, x)
    slopes = [ACTIVATIONS[name].derivative(z) for name, z in zip(net.activations, trace.z, strict=True)]
    alone = []
    for i in range(len(x)):
        if COSTS[net.cost].gradient is not None:
            gradient = COSTS[net.cost].gradient(trace.output[i], y[i])
        else:
            gradient = (trace.output[i] - y[i]) / slopes[-1][i]
        errors = backprop.error_by_products(net.weights, [s[i] for s in slopes], gradient)
        for mine, batch in zip(errors, found.errors, strict=True):
            np.testing.assert_allclose(mine, batch[i], rtol=1e-9, atol=1e-12)
        alone.append([backprop.weight_gradient(e, a[i]) for e, a in zip(errors, trace.a[:-1], strict=True)])
        for error in errors:
            assert backprop.bias_gradient(error) is error
    for layer, gradient in enumerate(found.weights):
        np.testing.assert_allclose(gradient, np.mean([a[layer] for a in alone], axis=0), rtol=1e-9, atol=1e-12)


def test_a_step_goes_down_and_an_epoch_sees_every_example() -> None:
    net, x, y = random_net(0)
    after = mlp.step(net, x, y, rate=1e-3)
    assert mlp.cost(after, x, y) < mlp.cost(net, x, y)
    whole = mlp.epoch(net, x, y, rate=0.1, batch=len(x), rng=np.random.default_rng(0))
    for got, expected in zip(whole.weights, mlp.step(net, x, y, rate=0.1).weights, strict=True):
        np.testing.assert_allclose(got, expected, rtol=1e-12)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activations_stay_finite_and_state_their_steepest_slope(name: str) -> None:
    row, z = ACTIVATIONS[name], np.array([-1e300, -800.0, -1.0, 0.0, 1e-3, 800.0, 1e300])
    assert np.isfinite(row.function(z)).all()
    slopes = row.derivative(z)
    assert np.isfinite(slopes).all() and np.abs(slopes).max() <= row.steepest
    assert np.abs(row.derivative(np.linspace(-3, 3, 101))).max() == row.steepest


def test_the_net_refuses_bad_input() -> None:
    net, x, y = random_net(0)
    with pytest.raises(RangeError, match="x: got NaN or infinity"):
        mlp.forward(net, np.full_like(x, np.nan))
    with pytest.raises(ShapeError, match="x: got"):
        mlp.forward(net, x[:, :0])
    with pytest.raises(DTypeError, match="x: got float32"):
        mlp.forward(net, x.astype(np.float32))
    with pytest.raises(ShapeError, match="y: got"):
        mlp.gradients(net, x, np.concatenate([y, y]))
    with pytest.raises(RangeError, match="expected sigmoid"):
        replace(net, activations=(*net.activations[:-1], "tanh"), cost="cross_entropy")
    with pytest.raises(RangeError, match="activation"):
        replace(net, activations=("step",))
    with pytest.raises(RangeError, match="cost: got hinge"):
        replace(net, cost="hinge")
    with pytest.raises(RangeError, match="sizes"):
        mlp.initial((3,), np.random.default_rng(0))
    with pytest.raises(RangeError, match="scale"):
        mlp.initial((3, 1), np.random.default_rng(0), scale="none")  # type: ignore[arg-type]
    with pytest.raises(RangeError, match="batch"):
        mlp.epoch(net, x, y, rate=1.0, batch=0, rng=np.random.default_rng(0))


def test_layers_that_do_not_meet_are_refused() -> None:
    w, b = np.ones((3, 2)), np.ones(3)
    with pytest.raises(ShapeError, match=r"W\^2: got \(1, 4\), expected \(1, 3\)"):
        mlp.Net((w, np.ones((1, 4))), (b, np.ones(1)), ("relu", "relu"))
    with pytest.raises(ShapeError, match=r"b\^1: got \(2,\), expected \(3,\)"):
        mlp.Net((w,), (np.ones(2),), ("relu",))
    for layers in (((w,), (b,), ("relu", "relu")), ((), (), ())):
        with pytest.raises(ShapeError, match="expected as many of each, 1 or more"):
            mlp.Net(*layers)
    with pytest.raises(RangeError, match=r"W\^1: got NaN or infinity"):
        mlp.Net((np.full_like(w, np.nan),), (b,), ("relu",))
    with pytest.raises(DTypeError, match="sizes"):
        mlp.initial((3, 2.5), np.random.default_rng(0))  # type: ignore[list-item]


def test_an_epoch_wants_one_target_an_example() -> None:
    net, x, y = random_net(0)
    rng = np.random.default_rng(0)
    for targets in (np.concatenate([y, y]), y[:-1]):
        with pytest.raises(ShapeError, match="y: got"):
            mlp.epoch(net, x, targets, rate=1.0, batch=2, rng=rng)
    with pytest.raises(ShapeError, match="examples: got 0"):
        mlp.cost(net, x[:0], y[:0])
    for rate in (np.nan, np.inf, 0.0, -1.0):
        with pytest.raises(RangeError, match="rate: got"):
            mlp.epoch(net, x, y, rate=rate, batch=2, rng=rng)
    with pytest.raises(DTypeError, match="batch"):
        mlp.epoch(net, x, y, rate=1.0, batch=1.5, rng=rng)  # type: ignore[arg-type]


def test_cross_entropy_wants_targets_between_0_and_1() -> None:
    net = mlp.initial((2, 1), np.random.default_rng(0), cost="cross_entropy")
    for target in (-0.5, 5.0):
        with pytest.raises(RangeError, match=r"y under cross_entropy: got .*, expected 0..1"):
            mlp.cost(net, np.ones((1, 2)), np.full((1, 1), target))


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_a_step_that_diverges_says_so() -> None:
    rng = np.random.default_rng(0)
    net = mlp.initial((2, 3, 1), rng, activation="relu", output="identity")
    x, y = rng.standard_normal((4, 2)), np.ones((4, 1))
    with pytest.raises(RangeError, match="hint: if training led here, lower the learning rate"):
        for _ in range(50):
            net = mlp.step(net, x, y, rate=1e100)


@pytest.mark.parametrize(("labels", "error"), [
    ([-1], RangeError), ([3], RangeError), ([1.0], DTypeError), ([[1]], ShapeError),
])  # fmt: skip
def test_one_hot_refuses_what_is_no_class(labels: list[object], error: type[Exception]) -> None:
    with pytest.raises(error):
        mlp.one_hot(np.array(labels), 3)


def test_the_equations_broadcast_nothing() -> None:
    one, batch, w = np.ones(3), np.ones((2, 3)), np.ones((3, 4))
    for wrong in (
        lambda: backprop.output_error(one, batch),
        lambda: backprop.output_error(batch, one),
        lambda: backprop.hidden_error(w, np.ones(5), np.ones(4)),
        lambda: backprop.hidden_error(w, batch, np.ones(4)),
        lambda: backprop.hidden_error(w, one, np.ones((2, 4))),
        lambda: backprop.bias_gradient(np.ones((0, 3))),
        lambda: backprop.weight_gradient(batch, np.ones((4, 2))),
        lambda: backprop.weight_gradient(one, batch),
        lambda: backprop.weight_gradient(batch, one),
    ):
        with pytest.raises(ShapeError):
            wrong()
