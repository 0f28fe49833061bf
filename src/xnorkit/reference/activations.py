"""Elementwise functions of values ``(N, H, W, C)``; per-channel tensors are ``(C,)``. All arithmetic is float32.
Where every array is float64, as in a gradient check, so is it and the result.

>>> affine(np.array([[[[3, -3]]]], np.int32), np.array([2, 2], np.float32), np.array([.5, 0], np.float32)).tolist()
[[[[6.5, -6.0]]]]
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import checks

Array = NDArray[Any]


def affine(x: Array, scale: Array, bias: Array) -> Array:
    """fl(fl(float(x) * scale[c]) + bias[c]) in float32: two roundings (an integer x beyond 2^24 rounds once more).

    ``x`` is uint8, int32, float32, or int8 -1/+1, ``(..., C)``; ``scale`` and ``bias`` are float32 ``(C,)``.
    Raises DTypeError, ShapeError.
    """
    checks.dtype("affine", "x", x, "uint8", "int8", "int32", "float32", "float64")
    width = "float64" if x.dtype == np.float64 else "float32"
    checks.channel_vector("affine", "scale", scale, x.shape[-1], width)
    checks.channel_vector("affine", "bias", bias, x.shape[-1], width)
    return np.asarray(x.astype(width) * scale + bias)


def relu(x: Array) -> Array:
    """max(x, 0); NaN and -0 give +0.

    >>> relu(np.array([-1.0, -0.0, np.nan, 2.0], np.float32)).tolist()
    [0.0, 0.0, 0.0, 2.0]
    """
    checks.floats("relu", x)
    return np.where(x > 0, x, x.dtype.type(0))


def prelu(x: Array, slope: Array) -> Array:
    """x where x >= 0, else slope[c] * x (He et al. 2015); ``slope`` float32 ``(C,)``.

    >>> prelu(np.array([[-4.0, 4.0]], np.float32), np.array([.25, .25], np.float32)).tolist()
    [[-1.0, 4.0]]
    """
    checks.floats("prelu", x, slope=slope)
    checks.shape("prelu", "slope", slope, (x.shape[-1],))
    return np.where(x >= 0, x, slope * x)


def scale_channels(x: Array, factor: Array) -> Array:
    """fl(x * factor[c]), ``x (N, H, W, C)`` and each image's own factors ``(N, 1, 1, C)``, both float32: the product of
    squeeze-and-excitation (Hu et al. 2018, eq. 4). Raises DTypeError, ShapeError.

    >>> scale_channels(np.ones((1, 1, 2, 2), np.float32), np.array([[[[0.5, 3]]]], np.float32)).tolist()
    [[[[0.5, 3.0], [0.5, 3.0]]]]
    """
    checks.rank("scale_channels", "x", x, "N H W C")
    checks.floats("scale_channels", x, factor=factor)
    checks.shape("scale_channels", "factor", factor, (x.shape[0], 1, 1, x.shape[3]))
    return np.asarray(x * factor)


def hardtanh(x: Array) -> Array:
    """min(max(x, -1), 1); NaN stays NaN.

    >>> hardtanh(np.array([-3.0, 0.25, 3.0], np.float32)).tolist()
    [-1.0, 0.25, 1.0]
    """
    checks.floats("hardtanh", x)
    return np.asarray(np.clip(x, x.dtype.type(-1), x.dtype.type(1)))


def tanh(x: Array) -> Array:
    """Hyperbolic tangent, computed in float64 and rounded once: within half an ulp of the true value, nearly always.

    >>> tanh(np.array([0.0, 100.0], np.float32)).tolist()
    [0.0, 1.0]
    """
    checks.floats("tanh", x)
    return np.tanh(x.astype(np.float64)).astype(x.dtype)


def sigmoid(x: Array) -> Array:
    """1 / (1 + exp(-x)), computed in float64 and rounded once.

    >>> sigmoid(np.array([0.0, -1e30, 1e30], np.float32)).tolist()
    [0.5, 0.0, 1.0]
    """
    checks.floats("sigmoid", x)
    with np.errstate(over="ignore"):  # exp(-x) = inf gives the right limit, 0
        return (1.0 / (1.0 + np.exp(-x.astype(np.float64)))).astype(x.dtype)
