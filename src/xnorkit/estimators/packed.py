"""What the classifiers share: checked input, one score a class, and the graph that is both ``predict`` and the file.

A fitted classifier states its forward pass once, as a graph of the op table. ``predict`` runs that graph on the NumPy
reference, ``export`` writes it, and the engine equals the reference, so a file predicts what its classifier does.
Learning sees what the graph sees: features rounded to float32 and multiplied by ``input_scale`` there.
"""

from __future__ import annotations

import json
import os
from abc import abstractmethod
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from ..errors import DTypeError, RangeError, ShapeError
from ..graph import store
from ..graph.build import GraphBuilder
from ..graph.ir import Graph
from ..runtime.session import Session

Array = NDArray[Any]
LARGEST = float(np.finfo(np.float32).max)
LEAST = 2.0**-100
"""Weights whose largest is below would lose their small ones, or all, to float32's least number, 2^-149."""


class PackedClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """Base of the room's classifiers.

    Attributes after ``fit``: classes_ ``(K,)``, the labels in order; n_features_in_, F.
    input_scale: what features are multiplied by first, e.g. 1/255 for pixels.
    """

    classes_: Array
    n_features_in_: int
    input_scale: float

    @abstractmethod
    def _fit(self, x: Array, labels: Array) -> None:
        """Learn from ``x (N, F)``, float64 of ``seen``; labels: positions in classes_."""

    @abstractmethod
    def _layers(self, builder: GraphBuilder, features: str) -> str:
        """Add the layers behind ``features`` (f32, (1, 1, F)); returns the name of the scores (1, 1, K)."""

    def fit(self, X: ArrayLike, y: ArrayLike) -> Self:
        """Learn from ``X (N, F)`` and labels ``y (N,)``.

        Raises ShapeError, DTypeError, RangeError: NaN or infinity, labels of another shape or count, a single class.
        """
        self._fit(*self._learnable(X, y))
        return self

    def _learnable(self, X: ArrayLike, y: ArrayLike) -> tuple[Array, Array]:
        """What the layers see of ``X (N, F)``, and the positions of its labels in ``classes_``, which this sets."""
        x, labels = self._labelled(X, y, reset=True)
        self.classes_, positions = np.unique(labels, return_inverse=True)
        if len(self.classes_) < 2:
            raise RangeError(self._name, "y", got="1 class", expected="labels of at least 2 classes")
        return self._seen(x), positions.reshape(-1)

    def scores(self, X: ArrayLike) -> NDArray[np.float32]:
        """One score a class, float32 ``(N, K)``: what the exported file gives, bit for bit but for its sigmoids.

        Raises ShapeError, DTypeError, RangeError (NaN or infinity, also where the sums leave float32).
        """
        check_is_fitted(self)
        x = self._checked(X, reset=False)[0]
        found: Array = Session(self._graph(None), backend="reference")(x.astype(np.float32)[:, None, None, :])
        if np.isnan(found).any():
            raise RangeError(self._name, "scores", got="NaN", expected="numbers", hint="scale the features down")
        return found.reshape(len(x), -1)

    def decision_function(self, X: ArrayLike) -> NDArray[np.float32]:
        """Scores ``(N, K)``; of two classes the second's less the first's, ``(N,)``."""
        scores = self.scores(X)
        return scores[:, 1] - scores[:, 0] if scores.shape[1] == 2 else scores

    def predict(self, X: ArrayLike) -> Array:
        """The label of the highest score, ``(N,)``; of equal scores the first."""
        check_is_fitted(self)
        return np.asarray(self.classes_[self.scores(X).argmax(axis=1)])

    def export(self, path: str | os.PathLike[str], picture: tuple[int, int, int] | None = None) -> int:
        """Write the packed file and return its size in bytes; torch is not needed.

        It takes float32 ``(N, 1, 1, F)``, or with ``picture=(H, W, C)`` uint8 pictures ``(N, H, W, C)`` whose values
        are the features in that order; it gives the scores. ``xnorkit.load``, ``predict``, ``eval`` read it.
        Raises ShapeError where H * W * C is not F, SaveError.
        """
        check_is_fitted(self)
        if picture is not None and np.prod(picture) != self.n_features_in_:
            raise ShapeError(self._name, "picture", got=picture, expected=f"H * W * C = {self.n_features_in_}")
        return store.save(self._graph(picture), path)

    def _graph(self, picture: tuple[int, int, int] | None) -> Graph:
        b = GraphBuilder()
        x = b.input("x", "u8", picture) if picture else b.input("x", "f32", (1, 1, self.n_features_in_))
        if picture or self.input_scale != 1:
            channels = picture[2] if picture else self.n_features_in_
            scale = np.full(channels, self.input_scale, np.float32)
            x = b.add("affine", x, tensors={"scale": scale, "bias": np.zeros(channels, np.float32)})
        if picture:
            x = b.add("flatten", x)
        names = json.dumps([str(name) for name in self.classes_])
        return b.graph([self._layers(b, x)], meta={"classes": names, "model": self._name})

    @property
    def _name(self) -> str:
        return type(self).__name__

    def _seen(self, x: Array) -> Array:
        """What the layers see of checked ``x``: rounded to float32, times ``input_scale`` there; as float64."""
        with np.errstate(over="ignore"):  # refused below
            scale = np.float32(self.input_scale)
            if not np.isfinite(scale) or scale == 0:
                raise RangeError(self._name, "input_scale", got=self.input_scale, expected="a float32, finite, not 0")
            found = (x.astype(np.float32) * scale).astype(np.float64)
        if not np.isfinite(found).all() or (x.any() and not found.any()):
            got = "infinity" if found.any() else "0 everywhere"
            raise RangeError(self._name, "input * input_scale", got=got, expected="values that float32 holds")
        return found

    def _require_float32(self, what: str, hint: str, *arrays: Array) -> None:
        """Refuse weights that float32 cannot hold, all of which would be infinite or 0 in ``predict``."""
        largest = max(float(np.abs(array).max(initial=0)) for array in arrays)
        if not (largest == 0 or LEAST <= largest <= LARGEST):
            raise RangeError(self._name, f"largest {what}", got=f"{largest:.3g}", expected="numbers that float32 holds",
                             hint=hint)  # fmt: skip

    def _labelled(self, X: ArrayLike, y: ArrayLike, *, reset: bool) -> tuple[Array, Array]:
        """Checked ``x (N, F)`` and class labels ``y (N,)``; reset: whether F may be a new one."""
        x, labels = self._checked(X, y=y, reset=reset, ensure_min_samples=1)
        try:
            check_classification_targets(labels)
        except ValueError as error:
            raise RangeError(self._name, "y", got=error, expected="class labels") from error
        return x, labels

    def _checked(self, X: ArrayLike, **how: Any) -> tuple[Array, Array]:
        """``(x, y)`` as arrays, y empty where none is given; scikit-learn's checks with this project's errors."""
        try:
            found = validate_data(self, X, dtype=np.float64, **how)
        except TypeError as error:
            raise DTypeError(self._name, "input", got=error, expected="numbers (N, F)") from error
        except ValueError as error:
            kind = ShapeError if self._misshapen(X, **how) else RangeError
            raise kind(self._name, "input", got=error, expected="finite numbers (N, F), labels (N,)") from error
        x, y = found if "y" in how else (found, np.empty(0))
        if np.abs(x).max(initial=0) > LARGEST:
            raise RangeError(self._name, "input", got=float(np.abs(x).max()), expected="values that float32 holds")
        return np.asarray(x), np.asarray(y)

    def _misshapen(self, X: ArrayLike, reset: bool = True, **how: Any) -> bool:
        """Whether a refused input is at least of a wrong shape, whatever else is wrong with it."""
        try:
            shape, labels = np.shape(X), np.shape(how.get("y", ()))
        except ValueError:  # rows of unequal lengths
            return True
        if len(shape) != 2 or 0 in shape or (not reset and shape[1] != self.n_features_in_):
            return True
        return "y" in how and how["y"] is not None and (labels[:1] != shape[:1] or labels[1:] not in ((), (1,)))
