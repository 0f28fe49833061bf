"""Refusals the reference shares: ranks, element types, -1/+1 values. Each raises an error of ``errors.py``.

>>> signs("bconv2d", "x", np.array([1, 0], np.int8))
Traceback (most recent call last):
    ...
xnorkit.errors.RangeError: [bconv2d] x: got 0, expected only -1 and +1
hint: binarize with reference.conventions.sign first
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import DTypeError, RangeError, ShapeError

Array = NDArray[Any]


def array(where: str, what: str, x: object) -> None:
    """Refuse anything but a NumPy array."""
    if not isinstance(x, np.ndarray):
        raise DTypeError(where, what, got=f"a {type(x).__name__}", expected="a NumPy array")


def rank(where: str, what: str, x: Array, axes: str) -> None:
    """Refuse an array whose number of axes is not that of ``axes``, e.g. "N H W C"; only a batch N may be empty."""
    expected = axes.split()
    array(where, what, x)
    if x.ndim != len(expected) or 0 in x.shape[expected[0] == "N" :]:
        raise ShapeError(where, what, got=x.shape, expected=f"({', '.join(expected)})")


def dtype(where: str, what: str, x: Array, *names: str) -> None:
    """Refuse an array of another element type than one of ``names``."""
    array(where, what, x)
    if x.dtype.name not in names:
        raise DTypeError(where, what, got=x.dtype, expected=" or ".join(names))


def floats(where: str, x: Array, **others: Array | None) -> None:
    """Refuse ``x`` unless float32, or float64 as gradient checks need it, and others that are not of its element type.

    >>> floats("conv2d", np.zeros(1), weight=np.zeros(1, np.float32))
    Traceback (most recent call last):
        ...
    xnorkit.errors.DTypeError: [conv2d] weight: got float32, expected float64
    """
    dtype(where, "x", x, "float32", "float64")
    for what, other in others.items():
        if other is not None:
            dtype(where, what, other, x.dtype.name)


def shape(where: str, what: str, x: Array, expected: tuple[int, ...]) -> None:
    """Refuse an array of another shape."""
    array(where, what, x)
    if x.shape != expected:
        raise ShapeError(where, what, got=x.shape, expected=expected)


def signs(where: str, what: str, x: Array) -> None:
    """Refuse anything but int8 with values -1 and +1."""
    dtype(where, what, x, "int8")
    wrong = (x != 1) & (x != -1)
    if wrong.any():
        hint = "binarize with reference.conventions.sign first"
        raise RangeError(where, what, got=int(x[wrong][0]), expected="only -1 and +1", hint=hint)


def channel_vector(where: str, what: str, v: Array, channels: int, *names: str) -> None:
    """Refuse a per-channel tensor that is not ``(C,)`` of one of the element types ``names``."""
    dtype(where, what, v, *names)
    shape(where, what, v, (channels,))


def finite(where: str, what: str, x: Array, *, hint: str = "") -> None:
    """Refuse float64 NaN and infinity, and every other element type.

    >>> finite("mlp", "x", np.array([1.0, np.nan]))
    Traceback (most recent call last):
        ...
    xnorkit.errors.RangeError: [mlp] x: got NaN or infinity, expected finite values
    """
    dtype(where, what, x, "float64")
    if not np.isfinite(x).all():
        raise RangeError(where, what, got="NaN or infinity", expected="finite values", hint=hint)


def above_zero(where: str, what: str, value: object) -> None:
    """Refuse a setting that is not a finite number above 0: DTypeError for another type, else RangeError."""
    if not isinstance(value, int | float | np.integer | np.floating):
        raise DTypeError(where, what, got=f"a {type(value).__name__}", expected="a number above 0")
    if not 0 < value < float("inf"):
        raise RangeError(where, what, got=value, expected="a finite number above 0")


def count(where: str, what: str, value: object) -> None:
    """Refuse a setting that is not a whole number from 1: DTypeError for another type, else RangeError.

    >>> count("mlp", "epochs", 2.5)
    Traceback (most recent call last):
        ...
    xnorkit.errors.DTypeError: [mlp] epochs: got a float, expected a whole number, 1 or more
    """
    if not isinstance(value, int | np.integer):
        raise DTypeError(where, what, got=f"a {type(value).__name__}", expected="a whole number, 1 or more")
    if value < 1:
        raise RangeError(where, what, got=value, expected="1 or more")
