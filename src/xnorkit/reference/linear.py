"""Convolutions and dense products with wider numbers: integer (uint8 x int8) and float32.

The integer ones are exact. The float32 ones obey one order of additions so that every implementation can give the same
bits: the accumulator starts at +0 and takes, for (kh, kw, c) in that order, ``acc = fl(acc + fl(x * w))``, each product
and each sum rounded to float32 (no fused multiply-add); then the bias, if any. A padded tap adds nothing: with finite
weights adding its +-0 and skipping it give the same bits, because an accumulator that starts at +0 never becomes -0.
What is said of float32 holds for float64 when every array is float64; gradient checks need it, packed files never do.

>>> x = np.array([[1, 2], [3, 4]], np.uint8).reshape(1, 2, 2, 1)
>>> w = np.array([[1, 2], [3, 4]], np.int8).reshape(1, 2, 2, 1)
>>> qconv2d(x, w, stride=(2, 2), padding=(1, 1, 1, 1))[0, :, :, 0].tolist()
[[4, 6], [6, 4]]
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import RangeError, ShapeError
from . import bounds, checks, windows
from .integer import conv_geometry, dense_geometry, integer_conv2d, integer_dense

Array = NDArray[Any]
NO_PADDING = (0, 0, 0, 0)
FLOAT_BLOCK_ELEMENTS = 1 << 18
"""Float accumulators per block of images: 1 MiB, so that one stays in the cache while all taps are added."""


def qconv2d(
    x: Array,
    w: Array,
    *,
    stride: tuple[int, int] = (1, 1),
    padding: tuple[int, int, int, int] = NO_PADDING,
    dilation: tuple[int, int] = (1, 1),
    groups: int = 1,
) -> NDArray[np.int32]:
    """uint8 ``x (N, H, W, C)`` and int8 ``w (O, kH, kW, C/groups)`` in -127..127 to int32 ``(N, Ho, Wo, O)``.

    Zero padding, ``padding`` is (top, left, bottom, right). Raises ShapeError, DTypeError, RangeError (-128),
    LimitError (more than 66311 products an output: int32 might overflow).
    """
    where = "qconv2d"
    conv_geometry(where, x, w, stride, padding, dilation, groups)
    checks.dtype(where, "x", x, "uint8")
    _require_int8_weight(where, w)
    bound = bounds.accumulator_bound(w[0].size, 255, bounds.WEIGHT_MAX_INT8)
    return integer_conv2d(where, windows.pad(x, padding, 0), w, stride, dilation, groups, bound)


def qdense(x: Array, w: Array) -> NDArray[np.int32]:
    """uint8, or int8 -1/+1, ``x (N, 1, 1, C)`` and int8 ``w (O, C)`` in -127..127 to int32 ``(N, 1, 1, O)``.

    Raises ShapeError, DTypeError, RangeError, LimitError as ``qconv2d``.

    >>> qdense(np.array([[[[255, 1]]]], np.uint8), np.array([[127, -1]], np.int8)).tolist()
    [[[[32384]]]]
    """
    where = "qdense"
    dense_geometry(where, x, w)
    checks.dtype(where, "x", x, "uint8", "int8")
    if x.dtype == np.int8:
        checks.signs(where, "x", x)
    _require_int8_weight(where, w)
    largest = 255 if x.dtype == np.uint8 else 1
    return integer_dense(where, x, w, bounds.accumulator_bound(w.shape[1], largest, bounds.WEIGHT_MAX_INT8))


def conv2d(
    x: Array,
    w: Array,
    bias: Array | None = None,
    *,
    stride: tuple[int, int] = (1, 1),
    padding: tuple[int, int, int, int] = NO_PADDING,
    dilation: tuple[int, int] = (1, 1),
    groups: int = 1,
    segment: int = 0,
) -> Array:
    """float32 ``x (N, H, W, C)``, ``w (O, kH, kW, C/groups)``, ``bias (O,)`` to float32 ``(N, Ho, Wo, O)``.

    segment: as of ``dense``, of every pixel, where the kernel is one pixel of stride 1 without padding and groups. Or
    all float64. Additions in the order of the head of this file. Raises ShapeError, DTypeError, RangeError.
    """
    where = "conv2d"
    if segment:
        require_pointwise(where, w.shape[1:3], stride, padding, groups)
        return dense(x.reshape(-1, 1, 1, x.shape[3]), w[:, 0, 0], bias, segment=segment).reshape(*x.shape[:3], -1)
    ho, wo = conv_geometry(where, x, w, stride, padding, dilation, groups)
    _require_floats(where, x, w, bias)
    o, _, _, group_channels = w.shape
    out = np.empty((x.shape[0], ho, wo, o), x.dtype)
    for block in windows.image_blocks(x.shape[0], ho * wo * o, FLOAT_BLOCK_ELEMENTS):
        padded = windows.pad(x[block], padding, 0)
        sums = _accumulators(padded.shape[0] * ho * wo, groups, o // groups, x.dtype)
        product = np.empty_like(sums)
        for (i, j), view in windows.taps(padded, (w.shape[1], w.shape[2]), stride, dilation):
            pixels = np.ascontiguousarray(np.moveaxis(view, 3, 0)).reshape(groups, group_channels, -1)
            filters = w[:, i, j].reshape(groups, -1, group_channels)
            for c in range(group_channels):
                np.multiply(pixels[:, None, c], filters[:, :, None, c], out=product)
                sums += product
        out[block] = np.moveaxis(sums, 2, 0).reshape(-1, ho, wo, o)
    return out if bias is None else np.add(out, bias, out=out)


def is_pointwise(kernel: tuple[int, ...], stride: tuple[int, int], padding: tuple[int, ...], groups: int) -> bool:
    """Whether a window is one pixel of stride 1, without padding and groups."""
    return (tuple(kernel), tuple(stride), tuple(padding), groups) == ((1, 1), (1, 1), NO_PADDING, 1)


def require_pointwise(where: str, kernel: tuple[int, ...], stride: tuple[int, int], padding: tuple[int, ...],
                      groups: int) -> None:  # fmt: skip
    """Raises ShapeError unless `is_pointwise`."""
    if not is_pointwise(kernel, stride, padding, groups):
        raise ShapeError(where, "kernel of sums by segments", got=f"{kernel}, stride {stride}, padding {padding}, "
                         f"{groups} groups", expected="one pixel, stride 1, no padding, one group")  # fmt: skip


def dense(x: Array, w: Array, bias: Array | None = None, *, segment: int = 0) -> Array:
    """float32 ``x (N, 1, 1, C)``, ``w (O, C)``, ``bias (O,)`` to float32 ``(N, 1, 1, O)``; additions in channel order.

    segment: with d > 0, the sums of d channels each are formed alone, from +0, and then added in their order, from +0:
    an implementation may take the sum of a segment from a table of those that occur. Or all float64. Raises ShapeError
    (also where C is no multiple of d), DTypeError.

    >>> dense(np.array([[[[1, 2]]]], np.float32), np.array([[3, 4]], np.float32), np.array([.5], np.float32)).tolist()
    [[[[11.5]]]]
    """
    dense_geometry("dense", x, w)
    _require_floats("dense", x, w, bias)
    if segment == 0:
        return conv2d(x, w[:, None, None, :], bias)
    if w.shape[1] % segment:
        raise ShapeError("dense", "segment", got=segment, expected=f"a divisor of the {w.shape[1]} channels")
    sums = np.zeros((len(x), 1, 1, len(w)), x.dtype)
    for first in range(0, w.shape[1], segment):
        part = slice(first, first + segment)
        sums += conv2d(x[..., part], w[:, None, None, part])
    return sums if bias is None else np.add(sums, bias, out=sums)


def bfloat16(x: Array) -> NDArray[np.uint16]:
    """Upper halves of float32 ``x``, rounded to nearest, ties to even: the stored form of bfloat16, any shape.

    Raises DTypeError; RangeError for what rounds beyond the largest bfloat16, and for NaN.

    >>> [hex(v) for v in bfloat16(np.array([1, -2, 1 / 3], np.float32))]
    ['0x3f80', '0xc000', '0x3eab']
    """
    checks.dtype("bfloat16", "x", x, "float32")
    word = np.ascontiguousarray(x).view(np.uint32).astype(np.uint64)
    upper = ((word + 0x7FFF + (word >> 16 & 1)) >> 16).astype(np.uint16)
    if not np.isfinite(from_bfloat16(upper)).all():
        raise RangeError("bfloat16", "x", got="NaN, infinity or more than 3.39e38", expected="finite numbers")
    return upper.reshape(x.shape)


def from_bfloat16(x: Array) -> NDArray[np.float32]:
    """The float32 values of stored bfloat16, exactly. Raises DTypeError.

    >>> from_bfloat16(np.array([0x3F80, 0x3EAB], np.uint16)).tolist()
    [1.0, 0.333984375]
    """
    checks.dtype("from_bfloat16", "x", x, "uint16")
    return (x.astype(np.uint32) << 16).view(np.float32)


def dense_bf16(x: Array, w: Array, bias: Array | None = None) -> Array:
    """``dense`` on the float32 values of bfloat16 ``w (O, C)``, stored as uint16. Raises ShapeError, DTypeError.

    >>> w = bfloat16(np.array([[1 / 3]], np.float32))
    >>> dense_bf16(np.array([[[[3]]]], np.float32), w).tolist()
    [[[[1.001953125]]]]
    """
    dense_geometry("dense_bf16", x, w)
    checks.floats("dense_bf16", x)
    return dense(x, from_bfloat16(w).astype(x.dtype), bias)


def dense_i8(x: Array, w: Array, scale: Array, bias: Array | None = None) -> Array:
    """float32 ``x (N, 1, 1, C)``, int8 ``w (O, C)`` in -127..127, ``scale (O,)`` to float32 ``(N, 1, 1, O)``.

    ``fl(fl(acc * scale[o]) + bias[o])``, where acc is ``dense``'s sum over the weights as float32; no bias is a bias of
    +0. Raises ShapeError, DTypeError, RangeError.

    >>> x, w = np.array([[[[1, 2]]]], np.float32), np.array([[3, 4]], np.int8)
    >>> dense_i8(x, w, np.array([.5], np.float32)).tolist()
    [[[[5.5]]]]
    """
    where = "dense_i8"
    dense_geometry(where, x, w)
    _require_int8_weight(where, w)
    checks.floats(where, x, scale=scale, bias=bias)
    for what, vector in (("scale", scale), ("bias", scale if bias is None else bias)):
        checks.shape(where, what, vector, (w.shape[0],))
    return dense(x, w.astype(x.dtype)) * scale + (x.dtype.type(0) if bias is None else bias)


def _accumulators(pixels: int, groups: int, outputs: int, dtype: np.dtype[Any]) -> Array:
    """+0 in ``(groups, outputs, pixels)``; the longer of the last two axes is the contiguous one."""
    if pixels >= outputs:
        return np.zeros((groups, outputs, pixels), dtype)
    return np.zeros((groups, pixels, outputs), dtype).transpose(0, 2, 1)


def _require_int8_weight(where: str, w: Array) -> None:
    checks.dtype(where, "weight", w, "int8")
    if w.size and int(w.min()) < -bounds.WEIGHT_MAX_INT8:
        raise RangeError(where, "weight", got=int(w.min()), expected="-127..127", hint="int8 weights are symmetric")


def _require_floats(where: str, x: Array, w: Array, bias: Array | None) -> None:
    checks.floats(where, x, weight=w, bias=bias)
    if bias is not None:
        checks.shape(where, "bias", bias, (w.shape[0],))
