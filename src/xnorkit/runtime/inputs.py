"""Checks of the arrays a user hands to a session.

A batch axis is always required. For an input of type ``(H, W, C)`` an array is

    (N, H, W, C)      always;   (N, H, W)  when C is 1;   (N, C)  when H and W are 1

and its element type must be the graph's: nothing is cast behind the user's back.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..errors import DTypeError, RangeError, ShapeError
from ..reference.shapes import TensorType
from .backend import NUMPY, Array


def checked(name: str, x: Any, kind: TensorType, check_finite: bool) -> Array:
    """``x`` as a C-contiguous ``(N, H, W, C)`` array; a copy only where it is not contiguous or misaligned.

    Raises DTypeError, ShapeError, and with ``check_finite`` RangeError for NaN or infinity.
    """
    array = np.asarray(x)
    expected = np.dtype(NUMPY[kind.dtype])
    if array.dtype != expected:
        hint = _cast_hint(array, expected)
        raise DTypeError(name, "input element type", got=array.dtype, expected=expected, hint=hint)
    array = _batched(name, array, kind)
    if check_finite and expected == np.float32 and not np.isfinite(array).all():
        raise RangeError(name, "input", got="NaN or infinity", expected="finite values")
    return plain(array)


def plain(array: Array) -> Array:
    """The array itself where the engine can read it in place, else a C-contiguous, aligned copy."""
    flags = array.flags
    return array if flags.c_contiguous and flags.aligned else np.require(array, requirements=["C", "A"])


def _cast_hint(array: Array, expected: np.dtype[Any]) -> str:
    if expected == np.uint8:
        return "this model takes pixels 0..255: pass uint8, e.g. np.asarray(image, np.uint8)"
    if array.dtype == np.float64:
        return "x.astype(np.float32); the model computes in float32"
    return "x.astype(np.float32), with the scaling the model was trained with"


def _batched(name: str, array: Array, kind: TensorType) -> Array:
    h, w, c = kind.shape
    if array.shape[1:] == (h, w, c):
        return array
    if c == 1 and array.shape[1:] == (h, w):
        return array[..., None]
    if h == w == 1 and array.shape[1:] == (c,):
        return array[:, None, None, :]
    forms = [f"(N, {h}, {w}, {c})"]
    forms += [f"(N, {h}, {w})"] * (c == 1) + [f"(N, {c})"] * (h == w == 1)
    hint = _shape_hint(array, (h, w, c))
    raise ShapeError(name, "input shape", got=array.shape, expected=" or ".join(forms), hint=hint)


def _shape_hint(array: Array, shape: tuple[int, int, int]) -> str:
    h, w, c = shape
    if array.shape in ((h, w, c), (h, w), (c,)):
        return "one image needs a batch axis: x[None]"
    if array.shape[1:] == (c, h, w):
        return "channels come last: x.transpose(0, 2, 3, 1)"
    return "resize the images to the model's size first"
