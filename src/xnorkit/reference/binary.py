"""Binary convolution and dense product, twice: by meaning and by bits. Property tests prove the two equal.

By meaning: the integer sum of -1/+1 products,

    out[n, y, x, o] = sum over i, j, c of  w[o, i, j, c] * in[n, y*sH + i*dH - top, x*sW + j*dW - left, g*Cg + c]

with g = o // (O / groups) and ``pad_value`` wherever the index lies outside the picture (cross-correlation, no flip).

By bits: on packed rows, ``dot = n - 2 * popcount(a ^ w)`` with n the true length, since equal signs add +1 and unequal
ones -1 (XNOR-Net, Rastegari et al. 2016; BinaryNet, Courbariaux et al. 2016). A bit cannot hold 0, so zero padding runs
with bit 0 (= +1) and then takes away what the outside taps added: the sum of their filter signs.

>>> w = np.array([[1, -1], [1, 1]], np.int8).reshape(1, 2, 2, 1)
>>> bconv2d(np.ones((1, 2, 2, 1), np.int8), w).tolist()
[[[[2]]]]
"""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import RangeError, ShapeError
from . import bits, bounds, checks, windows
from .conventions import PAD_VALUES
from .integer import conv_geometry, integer_conv2d, integer_dense
from .shapes import window_output

Array = NDArray[Any]
NO_PADDING = (0, 0, 0, 0)


def bconv2d(
    x: Array,
    w: Array,
    *,
    stride: tuple[int, int] = (1, 1),
    padding: tuple[int, int, int, int] = NO_PADDING,
    dilation: tuple[int, int] = (1, 1),
    groups: int = 1,
    pad_value: int = 0,
) -> NDArray[np.int32]:
    """By meaning: int8 -1/+1 ``x (N, H, W, C)`` and ``w (O, kH, kW, C/groups)`` to int32 ``(N, Ho, Wo, O)``.

    ``padding`` is (top, left, bottom, right). Raises ShapeError, DTypeError, RangeError, LimitError.
    """
    where = "bconv2d"
    conv_geometry(where, x, w, stride, padding, dilation, groups)
    checks.signs(where, "x", x)
    checks.signs(where, "weight", w)
    _require_pad_value(where, pad_value)
    bound = bounds.accumulator_bound(w[0].size)
    return integer_conv2d(where, windows.pad(x, padding, pad_value), w, stride, dilation, groups, bound)


def bdense(x: Array, w: Array) -> NDArray[np.int32]:
    """By meaning: int8 -1/+1 ``x (N, 1, 1, C)`` and ``w (O, C)`` to int32 ``(N, 1, 1, O)``.

    >>> bdense(np.array([[[[1, -1, 1]]]], np.int8), np.array([[1, 1, 1], [-1, 1, -1]], np.int8)).tolist()
    [[[[1, -3]]]]
    """
    checks.signs("bdense", "x", x)
    checks.signs("bdense", "weight", w)
    return integer_dense("bdense", x, w, bounds.accumulator_bound(w.shape[-1] if w.ndim else 0))


def bconv2d_bits(
    x: Array,
    w: Array,
    *,
    channels: int,
    stride: tuple[int, int] = (1, 1),
    padding: tuple[int, int, int, int] = NO_PADDING,
    dilation: tuple[int, int] = (1, 1),
    groups: int = 1,
    pad_value: int = 0,
) -> NDArray[np.int32]:
    """By bits: packed ``x (N, H, W, ceil(C/8))`` and ``w (O, kH, kW, ceil(Cg/8))`` to int32 ``(N, Ho, Wo, O)``.

    ``channels`` is the true C and Cg = C/groups. Raises ShapeError, DTypeError, RangeError.

    >>> x, w = np.array([[[[1, -1, 1]]]], np.int8), np.array([[[[1, 1, 1]]]], np.int8)
    >>> bconv2d_bits(bits.pack(x), bits.pack(w), channels=3).tolist()
    [[[[1]]]]
    """
    where = "bconv2d_bits"
    group_channels = _checked_rows(where, x, w, channels, groups)
    _require_pad_value(where, pad_value)
    ho, wo = window_output(x.shape[1:3], w.shape[1:3], stride, padding, dilation)
    border = np.zeros(channels, np.uint8) if pad_value != -1 else np.ones(channels, np.uint8)
    padded = _pad_rows(x, padding, np.packbits(border, bitorder="little"))
    outputs = w.shape[0] // groups
    unequal: NDArray[np.int32] = np.zeros((x.shape[0], ho, wo, w.shape[0]), np.int32)
    for g, block in product(range(groups), windows.image_blocks(x.shape[0], ho * wo * outputs * w.shape[3])):
        rows = bits.slice_channels(padded[block], g * group_channels, group_channels)
        filters = slice(g * outputs, (g + 1) * outputs)
        for (i, j), view in windows.taps(rows, w.shape[1:3], stride, dilation):
            unequal[block, :, :, filters] += bits.popcount(np.bitwise_xor(view[..., None, :], w[filters, i, j]))
    out: NDArray[np.int32] = w.shape[1] * w.shape[2] * group_channels - 2 * unequal
    if pad_value == 0:
        out -= zero_padding_correction(w, group_channels, x.shape[1:3], stride, padding, dilation)
    return out


def zero_padding_correction(
    w: Array,
    group_channels: int,
    size: tuple[int, int],
    stride: tuple[int, int],
    padding: tuple[int, int, int, int],
    dilation: tuple[int, int],
) -> NDArray[np.int32]:
    """``(Ho, Wo, O)``: what +1 padding adds over zero padding, the sum of the signs of the taps outside the picture.

    A tap's sum of signs is Cg - 2 * popcount(row). Outputs whose outside taps coincide form a border class and share
    one value: all inner ones the value 0.

    >>> w = bits.pack(np.ones((1, 3, 3, 1), np.int8))
    >>> zero_padding_correction(w, 1, (3, 3), (1, 1), (1, 1, 1, 1), (1, 1))[..., 0].tolist()
    [[5, 3, 5], [3, 0, 3], [5, 3, 5]]
    """
    ho, wo = window_output(size, w.shape[1:3], stride, padding, dilation)
    rows = windows.inside(size[0], w.shape[1], stride[0], padding[0], dilation[0], ho).astype(np.int32)
    columns = windows.inside(size[1], w.shape[2], stride[1], padding[1], dilation[1], wo).astype(np.int32)
    tap_signs = group_channels - 2 * bits.popcount(w)
    reached = np.einsum("yi,xj,oij->yxo", rows, columns, tap_signs)
    return np.asarray(tap_signs.sum(axis=(1, 2), dtype=np.int32) - reached, np.int32)


def bdense_bits(x: Array, w: Array, *, channels: int) -> NDArray[np.int32]:
    """By bits: packed ``x (N, 1, 1, ceil(C/8))`` and ``w (O, ceil(C/8))`` to int32 ``(N, 1, 1, O)``.

    >>> bdense_bits(np.array([[[[0b010]]]], np.uint8), np.array([[0b000], [0b101]], np.uint8), channels=3).tolist()
    [[[[1, -3]]]]
    """
    where = "bdense_bits"
    checks.rank(where, "weight", w, "O B")
    checks.rank(where, "x", x, "N 1 1 B")
    if x.shape[1:3] != (1, 1):
        raise ShapeError(where, "x", got=x.shape, expected="(N, 1, 1, B)", hint="flatten first")
    return bconv2d_bits(x, w[:, None, None, :], channels=channels)


def _require_pad_value(where: str, pad_value: int) -> None:
    if pad_value not in PAD_VALUES:
        raise RangeError(where, "pad_value", got=pad_value, expected="0, 1 or -1")


def _checked_rows(where: str, x: Array, w: Array, channels: int, groups: int) -> int:
    """Channels per group, after checking packed rows and filters."""
    checks.rank(where, "x", x, "N H W B")
    checks.rank(where, "weight", w, "O kH kW B")
    checks.dtype(where, "x", x, "uint8")
    checks.dtype(where, "weight", w, "uint8")
    if groups < 1 or channels % groups or w.shape[0] % groups:
        raise ShapeError(where, "groups", got=groups, expected=f"a divisor of C={channels} and O={w.shape[0]}")
    group_channels = channels // groups
    for what, array, count in (("x", x, channels), ("weight", w, group_channels)):
        if array.shape[-1] != bits.row_bytes(count):
            raise ShapeError(where, f"{what} row bytes", got=array.shape[-1], expected=bits.row_bytes(count))
        bits.require_clear_tail(where, array, count)
    return group_channels


def _pad_rows(x: Array, padding: tuple[int, int, int, int], row: Array) -> Array:
    """Borders that hold ``row (B,)`` in every pixel."""
    if not any(padding):
        return x
    top, left, bottom, right = padding
    n, h, w, b = x.shape
    out = np.empty((n, top + h + bottom, left + w + right, b), np.uint8)
    out[:] = row
    out[:, top : top + h, left : left + w] = x
    return out
