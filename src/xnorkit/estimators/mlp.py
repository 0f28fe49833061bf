"""The multi-layer net of ``reference.mlp`` as a classifier.

>>> from sklearn.datasets import load_digits
>>> x, y = load_digits(return_X_y=True)
>>> net = MLPClassifier(epochs=10, input_scale=1 / 16, random_state=0).fit(x[:1500], y[:1500])
>>> bool(net.score(x[1500:], y[1500:]) > 0.85), len(net.loss_curve_)
(True, 10)
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils import check_random_state

from ..errors import RangeError, ShapeError
from ..graph.build import GraphBuilder
from ..reference import checks, mlp
from .packed import Array, PackedClassifier
from .progress import progress

HIDDEN = ("sigmoid", "tanh", "relu")


class MLPClassifier(PackedClassifier):
    """Stochastic gradient descent by the four backpropagation equations, in float64; sigmoids at the end, one a class.

    The report's net is ``MLPClassifier((30,), scale="unit", learning_rate=3.0, batch_size=10, cost="quadratic")``.

    Parameters
    ----------
    hidden_layer_sizes: neurons of each hidden layer, or of the one; () for none.
    activation: of hidden layers: sigmoid, tanh or relu.
    cost: quadratic or cross_entropy (``reference.costs``).
    scale: of the first weights: unit, fan_in or he (``reference.mlp.initial``).
    learning_rate: eta, above 0. batch_size: examples a step. epochs: passes, each in a new random order.
    random_state: seed of weights and orders. verbose: a line an epoch on standard error, on a terminal a bar too.
    input_scale: what features are multiplied by first, e.g. 1/255 for pixels.

    Attributes after ``fit``: net_: ``reference.mlp.Net``; loss_curve_, score_curve_: cost and accuracy on the training
    data after each epoch; validation_curve_: accuracy on ``validation``, empty without.
    """

    def __init__(
        self, hidden_layer_sizes: Sequence[int] | int = (30,), *, activation: str = "sigmoid", cost: str = "quadratic",
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
        x, labels = self._learnable(X, y)
        held = None if validation is None else self._held_out(*validation)
        self._fit(x, labels, held)
        return self

    def partial_fit(self, X: ArrayLike, y: ArrayLike, classes: ArrayLike | None = None) -> Self:
        """One epoch on ``X (N, F)``, ``y (N,)``, from where the last call, or ``fit``, left the net.

        classes: every label there will be, ``(K,)``; needed by the first call. The curves grow by one value, of this
        call's data. Raises as ``fit``; RangeError for a label outside ``classes``.
        """
        first = not hasattr(self, "net_")
        if first and classes is None:
            raise RangeError(self._name, "classes", got="none", expected="all labels, in the first call")
        x, labels = self._labelled(X, y, reset=first)
        known = np.unique(np.asarray(classes)) if classes is not None else self.classes_
        if len(known) < 2 or not (first or np.array_equal(known, self.classes_)):
            raise RangeError(self._name, "classes", got=known, expected="2 or more, the same in every call")
        wrong = ~np.isin(labels, known)
        if wrong.any():
            raise RangeError(self._name, "y", got=labels[wrong][0], expected="one of classes")
        if first:
            self.classes_ = known
            self._start(x.shape[1])
        self._epoch(self._seen(x), np.searchsorted(known, labels))
        with progress(1, self.verbose) as say:
            say(f"epoch {len(self.loss_curve_)}: {self._last()}")
        return self

    def predict_proba(self, X: ArrayLike) -> Array:
        """float64 ``(N, K)``, rows of sum 1: how probable each class is, given that exactly one is right.

        With outputs a = sigmoid(z), each the probability of its own class, ``P(k alone)`` is in proportion to
        ``a_k prod_(j != k) (1 - a_j)``, and so to ``a_k / (1 - a_k) = exp(z_k)``: the softmax of the scores.
        """
        z = self.scores(X).astype(np.float64)
        odds = np.exp(z - z.max(axis=1, keepdims=True))
        return np.asarray(odds / odds.sum(axis=1, keepdims=True))

    def _fit(self, x: Array, labels: Array, held: tuple[Array, Array] | None = None) -> None:
        checks.count(self._name, "epochs", self.epochs)
        self._start(x.shape[1])
        with progress(self.epochs, self.verbose) as say:
            for number in range(self.epochs):
                self._epoch(x, labels, held)
                say(f"epoch {number + 1}/{self.epochs}: {self._last()}")

    def _held_out(self, X: ArrayLike, y: ArrayLike) -> tuple[Array, Array]:
        """What layers see of validation data, and its labels."""
        x, labels = self._checked(X, reset=False)[0], np.asarray(y)
        if labels.shape != x.shape[:1]:
            raise ShapeError(self._name, "validation labels", got=labels.shape, expected=x.shape[:1])
        return self._seen(x), labels

    def _start(self, features: int) -> None:
        """A net of first weights, its random numbers and empty curves; settings are checked."""
        if self.activation not in HIDDEN:
            raise RangeError(self._name, "activation", got=self.activation, expected=f"one of {HIDDEN}")
        checks.above_zero(self._name, "learning_rate", self.learning_rate)
        checks.count(self._name, "batch_size", self.batch_size)
        try:
            random = check_random_state(self.random_state)
        except ValueError as error:
            raise RangeError(self._name, "random_state", got=error, expected="None, a seed or a RandomState") from error
        given = self.hidden_layer_sizes
        hidden = [given] if isinstance(given, int | np.integer) else list(given)
        for number, size in enumerate(hidden):
            checks.count(self._name, f"hidden_layer_sizes[{number}]", size)
        sizes = (features, *hidden, len(self.classes_))
        self.rng_ = np.random.default_rng(random.randint(2**31 - 1))
        self.net_ = mlp.initial(sizes, self.rng_, activation=self.activation, cost=self.cost, scale=self.scale)
        self.loss_curve_, self.score_curve_, self.validation_curve_ = list[float](), list[float](), list[float]()

    def _epoch(self, x: Array, labels: Array, held: tuple[Array, Array] | None = None) -> None:
        """One pass over what the layers see, and the curves' next value; held: data of the validation curve."""
        y = mlp.one_hot(labels, len(self.classes_))
        net = mlp.epoch(self.net_, x, y, rate=self.learning_rate, batch=self.batch_size, rng=self.rng_)
        self._require_float32("weight", "lower learning_rate", *net.weights, *net.biases)
        self._note(net, x, y, labels, held)
        if not np.isfinite(self.loss_curve_[-1]):
            raise RangeError(self._name, f"cost after epoch {len(self.loss_curve_)}", got=self.loss_curve_[-1],
                             expected="a finite number", hint="lower learning_rate")  # fmt: skip
        self.net_ = net

    def _last(self) -> str:
        """The curves' last values, for people."""
        held = f", held out {self.validation_curve_[-1]:.4f}" if self.validation_curve_ else ""
        return f"cost {self.loss_curve_[-1]:.5f}, accuracy {self.score_curve_[-1]:.4f}{held}"

    def _note(self, net: mlp.Net, x: Array, y: Array, labels: Array, held: tuple[Array, Array] | None) -> None:
        self.loss_curve_.append(mlp.cost(net, x, y))
        self.score_curve_.append(float((mlp.forward(net, x).output.argmax(axis=1) == labels).mean()))
        if held is not None:
            answers = self.classes_[mlp.forward(net, held[0]).output.argmax(axis=1)]
            self.validation_curve_.append(float((answers == held[1]).mean()))

    def _layers(self, builder: GraphBuilder, features: str) -> str:
        """The last sigmoids are left out: they keep the order of scores, and their tails round to equal ones."""
        x, net = features, self.net_
        for number, (weight, bias) in enumerate(zip(net.weights, net.biases, strict=True)):
            if number:
                x = builder.add(net.activations[number - 1], x)
            tensors = {"weight": weight.astype(np.float32), "bias": bias.astype(np.float32)}
            x = builder.add("dense", x, out_features=len(bias), tensors=tensors)
        return x
