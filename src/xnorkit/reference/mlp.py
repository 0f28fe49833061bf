"""The multi-layer net: forward, gradients by the four equations, and stochastic gradient descent, in float64.

    a^0 = x,   z^l = W^l a^(l-1) + b^l,   a^l = sigma_l(z^l);    C = mean over examples of cost(a^L, y)
    step       W^l -= eta dC/dW^l,   b^l -= eta dC/db^l          with the gradients' mean over a mini-batch

Source: Nielsen (2015), ch. 1 to 3. Examples are rows: x ``(N, n_0)``, y ``(N, n_L)``.

>>> rng = np.random.default_rng(0)
>>> x = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
>>> y = np.array([[1.0], [0.0], [0.0], [1.0]])                                   # XNOR, which no perceptron learns
>>> net = initial((2, 4, 1), rng)
>>> for _ in range(2000):
...     net = step(net, x, y, rate=3.0)
>>> forward(net, x).output.round().ravel().tolist()
[1.0, 0.0, 0.0, 1.0]
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ..errors import DTypeError, RangeError, ShapeError
from . import checks
from .backprop import ACTIVATIONS, bias_gradient, hidden_error, output_error, weight_gradient
from .costs import COSTS

Array = NDArray[Any]
Scale = Literal["unit", "fan_in", "he"]
SCALES: tuple[Scale, ...] = ("unit", "fan_in", "he")


@dataclass(frozen=True)
class Net:
    """weights: W^l ``(n_l, n_(l-1))``; biases: b^l ``(n_l,)``; activations: sigma_l by name; all float64, a layer each.

    cost: a name of ``COSTS``; cross entropy needs a sigmoid at the end. Raises ShapeError for layers that do not meet,
    DTypeError, RangeError (NaN or infinity, which is also where a step diverged; unknown names).
    """

    weights: tuple[Array, ...]
    biases: tuple[Array, ...]
    activations: tuple[str, ...]
    cost: str = "quadratic"

    def __post_init__(self) -> None:
        for name in self.activations:
            if name not in ACTIVATIONS:
                raise RangeError("mlp", "activation", got=name, expected=f"one of {sorted(ACTIVATIONS)}")
        self._require_layers()
        if self.cost not in COSTS:
            raise RangeError("mlp", "cost", got=self.cost, expected=f"one of {sorted(COSTS)}")
        if COSTS[self.cost].gradient is None and self.activations[-1] != "sigmoid":
            raise RangeError(
                "mlp", f"output activation under {self.cost}", got=self.activations[-1], expected="sigmoid"
            )

    def _require_layers(self) -> None:
        layers = {len(self.weights), len(self.biases), len(self.activations)}
        if len(layers) != 1 or 0 in layers:
            raise ShapeError("mlp", "weights, biases, activations", got=f"{sorted(layers)} of them",
                             expected="as many of each, 1 or more")  # fmt: skip
        inputs: int | None = None
        for number, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True), 1):
            checks.rank("mlp", f"W^{number}", weight, "n_l n_(l-1)")
            checks.shape("mlp", f"W^{number}", weight, (len(weight), weight.shape[1] if inputs is None else inputs))
            checks.shape("mlp", f"b^{number}", bias, (len(weight),))
            for name, array in ((f"W^{number}", weight), (f"b^{number}", bias)):
                checks.finite("mlp", name, array, hint="if training led here, lower the learning rate")
            inputs = len(weight)


@dataclass(frozen=True)
class Trace:
    """What a forward pass leaves for the backward one. z: z^1 ... z^L; a: a^0 = x, a^1 ... a^L; rows are examples."""

    z: tuple[Array, ...]
    a: tuple[Array, ...]

    @property
    def output(self) -> Array:
        """a^L ``(N, n_L)``."""
        return self.a[-1]


@dataclass(frozen=True)
class Gradients:
    """Mean over the batch of dC/dW^l and dC/db^l; errors: delta^l ``(N, n_l)`` of each example. First layer first."""

    weights: tuple[Array, ...]
    biases: tuple[Array, ...]
    errors: tuple[Array, ...]


def initial(
    sizes: Sequence[int], rng: np.random.Generator, *, activation: str = "sigmoid", output: str = "sigmoid",
    cost: str = "quadratic", scale: Scale = "unit",
) -> Net:  # fmt: skip
    """A net of ``sizes`` (n_0, ..., n_L) with normal weights of mean 0 and standard deviation

    ``unit`` 1, ``fan_in`` 1/sqrt(n_(l-1)), ``he`` sqrt(2/n_(l-1)) (He et al., 2015, for ReLU); biases N(0, 1), with
    ``he`` 0. The first two are Nielsen's network.py and network2.py. Raises RangeError.
    """
    if len(sizes) < 2:
        raise RangeError("mlp", "sizes", got=tuple(sizes), expected="two or more, each at least 1")
    for number, size in enumerate(sizes):
        checks.count("mlp", f"sizes[{number}]", size)
    if scale not in SCALES:
        raise RangeError("mlp", "scale", got=scale, expected=f"one of {SCALES}")
    weights, biases = [], []
    for before, after in pairwise(sizes):
        deviation = {"unit": 1.0, "fan_in": before**-0.5, "he": (2 / before) ** 0.5}[scale]
        weights.append(rng.standard_normal((after, before)) * deviation)
        biases.append(np.zeros(after) if scale == "he" else rng.standard_normal(after))
    return Net(tuple(weights), tuple(biases), (*[activation] * (len(sizes) - 2), output), cost)


def forward(net: Net, x: Array) -> Trace:
    """All layers' z and a of ``x (N, n_0)``, float64. Raises DTypeError, ShapeError, RangeError (NaN, infinity)."""
    _require("x", x, net.weights[0].shape[1])
    z, a = [], [x]
    for weight, bias, name in zip(net.weights, net.biases, net.activations, strict=True):
        z.append(a[-1] @ weight.T + bias)
        a.append(ACTIVATIONS[name].function(z[-1]))
    return Trace(tuple(z), tuple(a))


def cost(net: Net, x: Array, y: Array) -> float:
    """C: the mean over ``x (N, n_0)``, ``y (N, n_L)``."""
    trace = forward(net, x)
    _require_targets(net, x, y)
    return float(COSTS[net.cost].value(trace.z[-1], trace.output, y).mean())


def gradients(net: Net, x: Array, y: Array) -> Gradients:
    """BP1 at the output, BP2 from layer to layer, BP3 and BP4 in each. Raises as ``forward``."""
    trace, row = forward(net, x), COSTS[net.cost]
    _require_targets(net, x, y)
    slopes = [ACTIVATIONS[name].derivative(z) for name, z in zip(net.activations, trace.z, strict=True)]
    if row.gradient is not None:
        errors = [output_error(row.gradient(trace.output, y), slopes[-1])]
    else:
        assert row.delta is not None  # a row of COSTS has one of the two
        errors = [row.delta(trace.output, y)]
    for weight, slope in zip(net.weights[:0:-1], slopes[-2::-1], strict=True):
        errors.append(hidden_error(weight, errors[-1], slope))
    errors.reverse()
    return Gradients(
        tuple(weight_gradient(delta, before) for delta, before in zip(errors, trace.a[:-1], strict=True)),
        tuple(bias_gradient(delta) for delta in errors),
        tuple(errors),
    )


def step(net: Net, x: Array, y: Array, rate: float) -> Net:
    """The net one step of gradient descent later. Raises as ``gradients``; RangeError where it diverges."""
    checks.above_zero("mlp", "rate", rate)
    found = gradients(net, x, y)
    weights = tuple(w - rate * g for w, g in zip(net.weights, found.weights, strict=True))
    biases = tuple(b - rate * g for b, g in zip(net.biases, found.biases, strict=True))
    return Net(weights, biases, net.activations, net.cost)


def epoch(net: Net, x: Array, y: Array, *, rate: float, batch: int, rng: np.random.Generator) -> Net:
    """The net after one pass in a new random order; the last mini-batch may be smaller. Raises as ``step``."""
    _require("x", x, net.weights[0].shape[1])
    _require_targets(net, x, y)
    for chosen in _batches(len(x), batch, rng):
        net = step(net, x[chosen], y[chosen], rate)
    return net


def one_hot(labels: Array, classes: int) -> Array:
    """``(N,)`` integers 0..classes - 1 -> ``(N, classes)`` float64 of 0 and 1.

    Raises DTypeError, ShapeError, RangeError (a label outside 0..classes - 1).

    >>> one_hot(np.array([1, 0]), 2).tolist()
    [[0.0, 1.0], [1.0, 0.0]]
    """
    checks.array("one_hot", "labels", labels)
    if labels.dtype.kind not in "iu":
        raise DTypeError("one_hot", "labels", got=labels.dtype, expected="integers")
    checks.shape("one_hot", "labels", labels, (labels.size,))
    wrong = labels[(labels < 0) | (labels >= classes)]
    if wrong.size:
        raise RangeError("one_hot", "label", got=int(wrong[0]), expected=f"0..{classes - 1}")
    return np.eye(classes)[labels]


def _batches(count: int, batch: int, rng: np.random.Generator) -> Iterator[Array]:
    checks.count("mlp", "batch", batch)
    order = rng.permutation(count)
    for first in range(0, count, batch):
        yield order[first : first + batch]


def _require(what: str, values: Array, features: int) -> None:
    checks.rank("mlp", what, values, "N n")
    checks.shape("mlp", what, values, (len(values), features))
    checks.finite("mlp", what, values)


def _require_targets(net: Net, x: Array, y: Array) -> None:
    _require("y", y, net.weights[-1].shape[0])
    checks.shape("mlp", "y", y, (len(x), y.shape[1]))
    if len(y) == 0:
        raise ShapeError("mlp", "examples", got=0, expected="1 or more")
    if COSTS[net.cost].gradient is None and not 0 <= float(y.min()) <= float(y.max()) <= 1:
        raise RangeError("mlp", f"y under {net.cost}", got=f"{y.min()}..{y.max()}", expected="0..1")
