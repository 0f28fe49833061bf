"""Max, average and global average pooling of values ``(N, H, W, C)``; max also on packed rows.

What is said of float32 holds for float64, which gradient checks need.

>>> x = np.array([[1, 1, 2, 4], [5, 6, 7, 8], [3, 2, 1, 0], [1, 2, 3, 4]], np.uint8).reshape(1, 4, 4, 1)
>>> max_pool2d(x, (2, 2), (2, 2))[0, :, :, 0].tolist()
[[6, 8], [3, 4]]
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import DTypeError, ShapeError
from . import bounds, checks, windows
from .shapes import window_output

Array = NDArray[Any]
NO_PADDING = (0, 0, 0, 0)

_LOWEST: dict[str, float] = {"uint8": 0, "int8": -1, "int32": bounds.INT32_MIN, "float32": -np.inf, "float64": -np.inf}
"""What padding holds so that it never wins; int8 is -1/+1."""


def max_pool2d(
    x: Array,
    kernel: tuple[int, int],
    stride: tuple[int, int],
    padding: tuple[int, int, int, int] = NO_PADDING,
    flip: Array | None = None,
) -> Array:
    """Maximum over windows, same element type (uint8, int32, float32, int8 -1/+1) ``(N, Ho, Wo, C)``.

    NaN wins; of -0 and +0 either may (they are equal). ``flip``, int8 -1/+1 ``(C,)`` and only with a -1/+1 input:
    channels whose flip is -1 take the minimum, because a decreasing threshold turns the maximum before it into a
    minimum behind it.
    Raises ShapeError (also when a padding reaches the kernel size), DTypeError, RangeError.

    >>> x, flip = np.array([[[[1], [-1]]]], np.int8), np.array([-1], np.int8)
    >>> max_pool2d(x, (1, 2), (1, 1), flip=flip).tolist()
    [[[[-1]]]]
    """
    checks.dtype("max_pool2d", "x", x, *_LOWEST)
    geometry("max_pool2d", x, kernel, stride, padding)
    if x.dtype == np.int8:
        checks.signs("max_pool2d", "x", x)
    if flip is None:
        return _fold(np.maximum, windows.pad(x, padding, _LOWEST[x.dtype.name]), kernel, stride)
    if x.dtype != np.int8:
        raise DTypeError("max_pool2d", "flip", got=f"an input of {x.dtype}", expected="a -1/+1 (int8) input")
    checks.channel_vector("max_pool2d", "flip", flip, x.shape[3], "int8")
    checks.signs("max_pool2d", "flip", flip)
    return max_pool2d(x * flip, kernel, stride, padding) * flip


def max_pool2d_bits(
    x: Array,
    kernel: tuple[int, int],
    stride: tuple[int, int],
    padding: tuple[int, int, int, int] = NO_PADDING,
    flip: Array | None = None,
) -> NDArray[np.uint8]:
    """The same on packed rows ``(N, H, W, B)``: bit 1 is -1, so the maximum is AND; ``flip (B,)`` packed, bit 1 flips.

    Padding holds 1 bits, which AND ignores. Tails stay 0. Raises ShapeError, DTypeError.

    >>> max_pool2d_bits(np.array([0b01, 0b11], np.uint8).reshape(1, 1, 2, 1), (1, 2), (1, 1)).tolist()
    [[[[1]]]]
    """
    checks.dtype("max_pool2d_bits", "x", x, "uint8")
    geometry("max_pool2d_bits", x, kernel, stride, padding)
    if flip is None:
        return _fold(np.bitwise_and, windows.pad(x, padding, 0xFF), kernel, stride)
    checks.channel_vector("max_pool2d_bits", "flip", flip, x.shape[3], "uint8")
    return np.asarray(max_pool2d_bits(x ^ flip, kernel, stride, padding) ^ flip)


def avg_pool2d(
    x: Array,
    kernel: tuple[int, int],
    stride: tuple[int, int],
    padding: tuple[int, int, int, int] = NO_PADDING,
    *,
    count_include_pad: bool = True,
) -> Array:
    """Mean over windows of float32: additions from +0 in (kh, kw) order, then one division by the number of taps.

    The number is kH*kW, or with ``count_include_pad=False`` the taps inside the picture. Raises ShapeError, DTypeError.

    >>> avg_pool2d(np.ones((1, 2, 2, 1), np.float32), (2, 2), (2, 2), (1, 1, 1, 1))[0, :, :, 0].tolist()
    [[0.25, 0.25], [0.25, 0.25]]
    """
    checks.floats("avg_pool2d", x)
    ho, wo = geometry("avg_pool2d", x, kernel, stride, padding)
    total = np.zeros((x.shape[0], ho, wo, x.shape[3]), x.dtype)
    for _, view in windows.taps(windows.pad(x, padding, 0), kernel, stride, (1, 1)):
        total += view
    if count_include_pad:
        return np.asarray(total / x.dtype.type(kernel[0] * kernel[1]))
    rows = windows.inside(x.shape[1], kernel[0], stride[0], padding[0], 1, ho).sum(axis=1)
    columns = windows.inside(x.shape[2], kernel[1], stride[1], padding[1], 1, wo).sum(axis=1)
    return np.asarray(total / np.outer(rows, columns).astype(x.dtype)[:, :, None])


def global_avg_pool2d(x: Array) -> Array:
    """Mean over H and W of float32 to ``(N, 1, 1, C)``: additions from +0 in (h, w) order, one division by H*W.

    >>> global_avg_pool2d(np.array([1, 2, 3, 6], np.float32).reshape(1, 2, 2, 1)).tolist()
    [[[[3.0]]]]
    """
    checks.rank("global_avg_pool2d", "x", x, "N H W C")
    return avg_pool2d(x, x.shape[1:3], (1, 1))


def geometry(
    where: str, x: Array, kernel: tuple[int, int], stride: tuple[int, int], padding: tuple[int, int, int, int]
) -> tuple[int, int]:
    """(Ho, Wo) of a pool of ``x (N, H, W, C)``. Raises ShapeError (a padding that reaches the kernel), RangeError."""
    checks.rank(where, "x", x, "N H W C")
    if max(padding[0], padding[2]) >= kernel[0] or max(padding[1], padding[3]) >= kernel[1]:
        raise ShapeError(where, "padding", got=padding, expected=f"less than the kernel {kernel}")
    return window_output(x.shape[1:3], kernel, stride, padding, (1, 1))


def _fold(function: np.ufunc, x: Array, kernel: tuple[int, int], stride: tuple[int, int]) -> Array:
    views = windows.taps(x, kernel, stride, (1, 1))
    out: Array = np.array(next(views)[1])
    for _, view in views:
        function(out, view, out=out)
    return out
