"""Rosenblatt's perceptron, and one whose weights are -1 and +1, as classifiers of any number of classes.

Each class has a line of its own against the rest; of two classes one line serves both. The rules are
``reference.perceptron``'s; these classes fold in several classes and the packed file.

>>> from sklearn.datasets import load_iris
>>> x, y = load_iris(return_X_y=True)
>>> bool(Perceptron().fit(x[:100], y[:100]).score(x[:100], y[:100]) == 1.0)          # two classes that a line parts
True
>>> BinaryPerceptron().fit(x[:100], y[:100]).weights_.dtype
dtype('int8')
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from ..graph.build import GraphBuilder
from ..reference import activations, perceptron
from ..reference.conventions import sign
from .packed import Array, PackedClassifier

NEARER = "bring rate nearer to 1, or scale the features"


def _sides(labels: Array, classes: int) -> list[Array]:
    """Labels -1/+1 of each line: of every class against the rest, or of the first against the second.

    A tie is +1, sign(0), and the first of the highest scores: of two classes the first both times.
    """
    positive = [0] if classes == 2 else range(classes)
    return [np.where(labels == k, np.int8(1), np.int8(-1)) for k in positive]


def _both(line: Array) -> Array:
    """The line of two classes as one a class: itself, then its mirror image."""
    return np.concatenate([line, -line]) if len(line) == 1 else line


class Perceptron(PackedClassifier):
    """w += rate y x, b += rate y on each mistake, from w = 0, b = 0, until an epoch has none (Rosenblatt, 1958).

    Parameters
    ----------
    rate: eta, above 0; changes the length of w only.
    max_epochs: where to stop on data that no line parts; then a ConvergenceWarning says how far it came.
    input_scale: what features are multiplied by first.

    Attributes after ``fit``: weights_ float64 ``(L, F)``, bias_ ``(L,)``: L = 1 line for two classes, the first on its
    + side, else one a class; fits_: the ``reference.perceptron.Fit`` of each, with its mistakes epoch by epoch. Ties go
    to the first class.
    """

    def __init__(self, rate: float = 1.0, max_epochs: int = 100, input_scale: float = 1.0) -> None:
        self.rate = rate
        self.max_epochs = max_epochs
        self.input_scale = input_scale

    def _fit(self, x: Array, labels: Array) -> None:
        self.fits_ = [perceptron.fit(x, side, rate=self.rate, max_epochs=self.max_epochs)
                      for side in _sides(labels, len(self.classes_))]  # fmt: skip
        self.weights_ = np.stack([line.weights for line in self.fits_])
        self.bias_ = np.array([line.bias for line in self.fits_])
        self._require_float32("weight", NEARER, self.weights_, self.bias_)
        for line in self.fits_:
            if not line.converged:
                warnings.warn(f"[Perceptron] {line.report()}", ConvergenceWarning, stacklevel=3)
                break

    def _layers(self, builder: GraphBuilder, features: str) -> str:
        tensors = {"weight": _both(self.weights_).astype(np.float32), "bias": _both(self.bias_).astype(np.float32)}
        return builder.add("dense", features, out_features=len(tensors["bias"]), tensors=tensors)


class BinaryPerceptron(PackedClassifier):
    """A perceptron that answers with weights -1 and +1: one bit a weight in the file, and one a feature if asked.

        answer   sign(alpha B . x + b),  B = sign(w),  alpha = mean |w|;      x standardized, or its signs
        rule     on a mistake: w += rate y x, clipped to [-1, 1];  b += rate y

    The real weights w only learn, as in BinaryConnect (Courbariaux et al., 2015); alpha is the Binary-Weight-Network's
    (Rastegari et al., 2016, sec. 3.1). A step may flip many signs at once, so the best line of all epochs is kept
    (the pocket, Gallant, 1990). Standardized: (x - mean) / deviation by feature, of the training data, in the float32
    arithmetic of the file; a feature that varies less than float32 resolves at its size is constant, its deviation 1.

    Parameters
    ----------
    rate: eta, above 0, small so that signs flip one by one.
    max_epochs: passes over the data at most.
    binary_inputs: whether the layer sees the signs of standardized features instead of their values.
    input_scale: what features are multiplied by first.

    Attributes after ``fit``: weights_ int8 -1/+1 ``(L, F)``, alpha_ ``(L,)``, bias_ ``(L,)``; fits_; mean_, deviation_.
    """

    def __init__(self, rate: float = 0.01, max_epochs: int = 50, binary_inputs: bool = False,
                 input_scale: float = 1.0) -> None:  # fmt: skip
        self.rate = rate
        self.max_epochs = max_epochs
        self.binary_inputs = binary_inputs
        self.input_scale = input_scale

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.poor_score = True  # of two features four directions are all it has
        return tags

    def _fit(self, x: Array, labels: Array) -> None:
        self.mean_, deviation = x.mean(axis=0), x.std(axis=0)
        resolved = np.maximum(np.finfo(np.float32).eps * np.abs(x).max(axis=0), np.finfo(np.float32).tiny)
        self.deviation_ = np.where(deviation > resolved, deviation, 1.0)
        standard = activations.affine(x.astype(np.float32), *self._standardization())
        x = (sign(standard) if self.binary_inputs else standard).astype(np.float64)
        self.fits_ = [perceptron.fit_binary(x, side, rate=self.rate, max_epochs=self.max_epochs)
                      for side in _sides(labels, len(self.classes_))]  # fmt: skip
        self.weights_ = np.stack([line.weights for line in self.fits_])
        self.alpha_ = np.array([line.alpha for line in self.fits_])
        self.bias_ = np.array([line.bias for line in self.fits_])
        self._require_float32("alpha", NEARER, self.alpha_, self.bias_)

    def _standardization(self) -> tuple[Array, Array]:
        """The affine form of it, scale and shift ``(F,)`` float32: what learning, ``predict`` and the file share."""
        return (1 / self.deviation_).astype(np.float32), (-self.mean_ / self.deviation_).astype(np.float32)

    def _layers(self, builder: GraphBuilder, features: str) -> str:
        scale, shift = self._standardization()
        x = builder.add("affine", features, tensors={"scale": scale, "bias": shift})
        weight, bias = _both(self.weights_), _both(self.bias_).astype(np.float32)
        if self.binary_inputs:
            x = builder.add("bdense", builder.add("sign", x), out_features=len(bias), tensors={"weight": weight})
        else:
            x = builder.add("wdense", x, out_features=len(bias), tensors={"weight": weight[None]})
        alpha = np.broadcast_to(self.alpha_, bias.shape).astype(np.float32)
        return builder.add("affine", x, tensors={"scale": alpha, "bias": bias})
