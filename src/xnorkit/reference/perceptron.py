"""The perceptron (Rosenblatt, 1958): a line learned from its mistakes, and the bound on how many it makes.

    answer    sign(w . x + b), sign(0) = +1
    rule      on a mistake, y (w . x + b) <= 0:   w += eta y x,   b += eta y;   w = 0, b = 0 at the start
    bound     (R / gamma)^2 mistakes at most, whatever the order and eta (Novikoff, 1962)

The bias is the weight of one more input that is always 1: with x' = (x, 1), R = max |x'| and gamma is the least
distance y (w . x + b) / |(w, b)| of any line that parts the data. Proof in two lines: a mistake adds at least
eta gamma to the projection on that line, and at most eta^2 R^2 to |w'|^2; after m of them
m eta gamma <= |w'| <= eta R sqrt(m).

>>> x, y = np.array([[0., 0.], [0., 1.], [1., 0.], [1., 1.]]), np.array([-1, 1, 1, 1], np.int8)      # OR
>>> found = fit(x, y)
>>> found.converged, predict(x, found.weights, found.bias).tolist()
(True, [-1, 1, 1, 1])
>>> found.total <= mistake_bound(x, y, found.weights, found.bias)
True
>>> print(fit(x, np.array([1, -1, -1, 1], np.int8), max_epochs=50).report())                         # XNOR
not separated after 50 epochs: at least 4 mistakes in every epoch; no line may part these data
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import RangeError, ShapeError
from . import checks
from .conventions import sign

Array = NDArray[Any]
Vector = NDArray[np.float64]
Signs = NDArray[np.int8]


@dataclass(frozen=True)
class Fit:
    """What the rule found. weights: float64 ``(n,)``; mistakes: of each epoch, the last 0 where it converged."""

    weights: Vector
    bias: float
    mistakes: tuple[int, ...]

    @property
    def converged(self) -> bool:
        """Whether an epoch passed without a mistake: every point lies on its side."""
        return self.mistakes[-1] == 0

    @property
    def total(self) -> int:
        """Mistakes of all epochs, which ``mistake_bound`` bounds."""
        return sum(self.mistakes)

    def report(self) -> str:
        """One line for people."""
        epochs = len(self.mistakes)
        if self.converged:
            return f"separated in {epochs} epochs with {self.total} mistakes"
        return (
            f"not separated after {epochs} epochs: at least {min(self.mistakes)} mistakes in every epoch; "
            "no line may part these data"
        )


def fit(x: Array, y: Array, *, rate: float = 1.0, max_epochs: int = 1000) -> Fit:
    """The rule over ``x (N, n)`` float64 in order, with labels ``y (N,)`` int8 -1/+1, until an epoch has no mistake.

    Data that no line parts never end: after ``max_epochs`` the last line is returned with ``converged`` False.
    Raises ShapeError, DTypeError, RangeError (NaN or infinity, another label, rate or max_epochs not above 0).
    """
    _require(x, y)
    _require_settings(rate, max_epochs)
    weights, bias, mistakes = np.zeros(x.shape[1]), 0.0, list[int]()
    while len(mistakes) < max_epochs and (not mistakes or mistakes[-1]):
        wrong = 0
        for point, label in zip(x, y.tolist(), strict=True):
            if label * (weights @ point + bias) <= 0:
                weights, bias, wrong = weights + rate * label * point, bias + rate * label, wrong + 1
        mistakes.append(wrong)
    return Fit(weights, bias, tuple(mistakes))


@dataclass(frozen=True)
class BinaryFit:
    """The best line found. weights: int8 -1/+1 ``(n,)``; errors: points answered wrongly after each epoch."""

    weights: Signs
    alpha: float
    bias: float
    errors: tuple[int, ...]


def fit_binary(x: Array, y: Array, *, rate: float = 0.01, max_epochs: int = 50) -> BinaryFit:
    """A perceptron with weights -1 and +1: real weights w learn, their signs answer.

        answer    sign(alpha B . x + b),   B = sign(w), alpha = mean |w|
        rule      on a mistake: w = clip(w + rate y x, -1, 1),   b += rate y

    As in BinaryConnect (Courbariaux et al., 2015) the step of the binary weights moves the real ones. One step may flip
    several signs, so there is no bound on the mistakes; the line with the fewest errors after an epoch is returned
    (the pocket, Gallant, 1990), and the search ends where it has none. ``x``, ``y`` and raises as ``fit``.

    >>> x, y = np.array([[2., -1.], [1., -3.], [-1., 2.], [-2., 1.]]), np.array([1, 1, -1, -1], np.int8)
    >>> found = fit_binary(x, y)
    >>> found.weights.tolist(), found.errors[-1]
    ([1, -1], 0)
    """
    _require(x, y)
    _require_settings(rate, max_epochs)
    latent, bias, errors = np.zeros(x.shape[1]), 0.0, list[int]()
    best: tuple[Signs, float, float] | None = None
    while len(errors) < max_epochs and (not errors or min(errors)):
        binary, alpha = sign(latent), float(np.abs(latent).mean())
        for point, label in zip(x, y.tolist(), strict=True):
            if label * (alpha * (binary @ point) + bias) <= 0:
                latent, bias = np.clip(latent + rate * label * point, -1, 1), bias + rate * label
                binary, alpha = sign(latent), float(np.abs(latent).mean())
        wrong = int((sign(alpha * (x @ binary) + bias) != y).sum())  # a tie answers +1, as it will in use
        if best is None or wrong < min(errors):
            best = binary, alpha, bias
        errors.append(wrong)
    assert best is not None  # max_epochs is at least 1
    return BinaryFit(*best, tuple(errors))


def predict(x: Array, weights: Array, bias: float) -> Signs:
    """sign(w . x + b) of ``x (N, n)``: int8 -1/+1 ``(N,)``. Raises DTypeError, ShapeError, RangeError (NaN)."""
    _require_points(x)
    checks.shape("perceptron", "weights", weights, (x.shape[1],))
    return sign(x @ weights + bias)


def margin(x: Array, y: Array, weights: Array, bias: float) -> float:
    """gamma: the least y (w . x + b) / |(w, b)|; above 0 exactly where the line parts the data.

    >>> x, y = np.array([[3.0], [-3.0]]), np.array([1, -1], np.int8)
    >>> margin(x, y, np.array([2.0]), 0.0)
    3.0
    """
    _require(x, y)
    checks.shape("perceptron", "weights", weights, (x.shape[1],))
    length = float(np.sqrt(weights @ weights + bias * bias))
    if length == 0 or not np.isfinite(length):
        raise RangeError("perceptron", "|(w, b)|", got=length, expected="above 0 and finite")
    return float((y * (x @ weights + bias)).min() / length)


def radius(x: Array) -> float:
    """R: the largest length of a point with the bias's 1 behind it.

    >>> radius(np.array([[0.0, 0.0], [2.0, 2.0]]))
    3.0
    """
    _require_points(x)
    return float(np.sqrt((x * x).sum(axis=1).max() + 1))


def mistake_bound(x: Array, y: Array, weights: Array, bias: float) -> float:
    """(R / gamma)^2 by this line; the widest line gives the least. Raises RangeError where it does not part the data.

    >>> x, y = np.array([[3.0], [-3.0]]), np.array([1, -1], np.int8)
    >>> round(mistake_bound(x, y, np.array([2.0]), 0.0), 3)
    1.111
    """
    gamma = margin(x, y, weights, bias)
    if gamma <= 0:
        raise RangeError("perceptron", "margin", got=gamma, expected="above 0", hint="give a line that parts the data")
    return (radius(x) / gamma) ** 2


def _require_points(x: Array) -> None:
    checks.rank("perceptron", "x", x, "N n")
    checks.finite("perceptron", "x", x)
    if len(x) == 0:
        raise ShapeError("perceptron", "points", got=0, expected="1 or more")


def _require(x: Array, y: Array) -> None:
    _require_points(x)
    checks.signs("perceptron", "y", y)
    checks.shape("perceptron", "y", y, (len(x),))


def _require_settings(rate: float, max_epochs: int) -> None:
    checks.above_zero("perceptron", "rate", rate)
    checks.count("perceptron", "max_epochs", max_epochs)
