"""The multi-layer net of ``reference.mlp`` as a classifier.

>>> from sklearn.datasets import load_digits
>>> x, y = load_digits(return_X_y=True)
>>> net = MLPClassifier(epochs=10, input_scale=1 / 16, random_state=0).fit(x[:1500], y[:1500])
>>> bool(net.score(x[1500:], y[1500:]) > 0.85), len(net.loss_curve_)
(True, 10)
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils import check_random_state

from ..errors import RangeError
from ..graph.build import GraphBuilder
from ..reference import mlp
from .packed import Array, PackedClassifier

HIDDEN = ("sigmoid", "tanh", "relu")


class MLPClassifier(PackedClassifier):
    """Stochastic gradient descent by the four backpropagation equations, in float64; sigmoids at the end, one a class.

    The report's net is ``MLPClassifier((30,), scale="unit", learning_rate=3.0, batch_size=10, cost="quadratic")``.

    Parameters
    ----------
    hidden_layer_sizes: neurons of each hidden layer; () for none.
    activation: of hidden layers: sigmoid, tanh or relu.
    cost: quadratic or cross_entropy (``reference.costs``).
    scale: of the first weights: unit, fan_in or he (``reference.mlp.initial``).
    learning_rate: eta, above 0. batch_size: examples a step. epochs: passes, each in a new random order.
    random_state: seed of weights and orders. verbose: a line an epoch on standard error.
    input_scale: what features are multiplied by first, e.g. 1/255 for pixels.

    Attributes after ``fit``: net_: ``reference.mlp.Net``; loss_curve_, score_curve_: cost and accuracy on the training
    data after each epoch; validation_curve_: accuracy on ``validation``, empty without.
    """

    def __init__(
        self, hidden_layer_sizes: Sequence[int] = (30,), *, activation: str = "sigmoid", cost: str = "quadratic",
        scale: mlp.Scale = "fan_in", learning_rate: float = 3.0, batch_size: int = 10, epochs: int = 30,
        random_state: int | np.random.RandomState | None = None, verbose: bool = False, input_scale: float = 1.0,
    ) -> None:  # fmt: skip
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.cost = cost
        self.scale = scale
        self.learning_rate = learning_rate
        self.batch_size = batch_size
        self.epochs = epochs
        self.random_state = random_state
        self.verbose = verbose
        self.input_scale = input_scale

    def fit(self, X: ArrayLike, y: ArrayLike, *, validation: tuple[ArrayLike, ArrayLike] | None = None) -> Self:
        """Learn from ``X (N, F)``, ``y (N,)``; after each epoch the accuracy on ``validation`` (X, y) is noted.

        Raises ShapeError, DTypeError, RangeError (see ``PackedClassifier.fit``; also weights that grew beyond numbers).
        """
        self._validation = None
        if validation is not None:
            held_x, held_y = np.asarray(validation[0], np.float64) * self.input_scale, np.asarray(validation[1])
            if held_x.ndim != 2 or held_y.shape != held_x.shape[:1]:
                got = f"{held_x.shape} and {held_y.shape}"
                raise RangeError(self._name, "validation", got=got, expected="(N, F) and (N,)")
            self._validation = held_x, held_y
        try:
            return super().fit(X, y)
        finally:
            del self._validation

    def _fit(self, x: Array, labels: Array) -> None:
        if self.activation not in HIDDEN:
            raise RangeError(self._name, "activation", got=self.activation, expected=f"one of {HIDDEN}")
        for what, value in (("learning_rate", self.learning_rate), ("epochs", self.epochs)):
            if not (np.isfinite(value) and value > 0):
                raise RangeError(self._name, what, got=value, expected="above 0")
        random = check_random_state(self.random_state)
        rng = np.random.default_rng(random.randint(2**31 - 1))
        sizes = (x.shape[1], *self.hidden_layer_sizes, len(self.classes_))
        y = mlp.one_hot(labels, len(self.classes_))
        net = mlp.initial(sizes, rng, activation=self.activation, cost=self.cost, scale=self.scale)
        self.loss_curve_, self.score_curve_, self.validation_curve_ = list[float](), list[float](), list[float]()
        for number in range(self.epochs):
            net = mlp.epoch(net, x, y, rate=self.learning_rate, batch=self.batch_size, rng=rng)
            self._note(net, x, y, labels)
            largest = max(float(np.abs(weight).max()) for weight in net.weights)
            if not (np.isfinite(self.loss_curve_[-1]) and largest <= np.finfo(np.float32).max):
                got = f"cost {self.loss_curve_[-1]}, largest weight {largest:.3g}"
                raise RangeError(self._name, f"epoch {number + 1}", got=got, expected="numbers that float32 holds",
                                 hint="lower learning_rate")  # fmt: skip
            if self.verbose:
                held = f", held out {self.validation_curve_[-1]:.4f}" if self.validation_curve_ else ""
                print(f"epoch {number + 1}/{self.epochs}: cost {self.loss_curve_[-1]:.5f}, "
                      f"accuracy {self.score_curve_[-1]:.4f}{held}", file=sys.stderr)  # fmt: skip
        self.net_ = net

    def _note(self, net: mlp.Net, x: Array, y: Array, labels: Array) -> None:
        self.loss_curve_.append(mlp.cost(net, x, y))
        self.score_curve_.append(float((mlp.forward(net, x).output.argmax(axis=1) == labels).mean()))
        if self._validation is not None:
            held_x, held_y = self._validation
            answers = self.classes_[mlp.forward(net, held_x).output.argmax(axis=1)]
            self.validation_curve_.append(float((answers == held_y).mean()))

    def _layers(self, builder: GraphBuilder, features: str) -> str:
        """The last sigmoids are left out: they keep the order of scores, and their tails round to equal ones."""
        x, net = features, self.net_
        for number, (weight, bias) in enumerate(zip(net.weights, net.biases, strict=True)):
            if number:
                x = builder.add(net.activations[number - 1], x)
            tensors = {"weight": weight.astype(np.float32), "bias": bias.astype(np.float32)}
            x = builder.add("dense", x, out_features=len(bias), tensors=tensors)
        return x
