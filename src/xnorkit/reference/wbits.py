"""Few-bit weights on wider activations: ``wconv2d`` and ``wdense`` on uint8 codes (exact) and on float32.

A weight is P planes of signs s_0 .. s_{P-1} in {-1, +1}:

    levels "sum":      w = sum over i of 2^i s_i     P = 1: binary (BinaryConnect, BWN); P = 2: {-3, -1, 1, 3}; ...
    levels "ternary":  w = (s_0 + s_1) / 2           {-1, 0, +1} (TWN), P = 2

Codes: q = min(x, 2^a - 1) of a uint8 x, a = ``activation_bits``; its value is v = q ("unsigned"; DoReFa, QNN) or
v = 2q - (2^a - 1) ("signed", odd levels). The result is the exact integer sum of w * v. A padded tap adds nothing.

float32: no multiplication. For every plane, over the taps in (kh, kw) order and quads of consecutive channels,

    acc = fl(acc + fl(fl(s x[c] + s x[c+1]) + fl(s x[c+2] + s x[c+3]))),   acc = +0 before, s x is -x or x,

absent channels of the last quad are +0. Quads come before the sum because all 16 signs of one share three additions,
which a table keeps. Planes join in order, "sum": y = fl(y + fl(2^i acc_i)), "ternary": y = fl(fl(acc_0 + acc_1) / 2).

>>> w = np.array([[[1, -1, 1]], [[1, 1, -1]]], np.int8)  # ternary planes of the weights 1, 0, 0
>>> wdense(np.array([[[[7, 200, 3]]]], np.uint8), w, levels="ternary").tolist()
[[[[7]]]]
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ..errors import RangeError, ShapeError
from . import binary, bounds, checks, windows
from .integer import conv_geometry, integer_conv2d

Array = NDArray[Any]
Levels = Literal["sum", "ternary"]
Codes = Literal["unsigned", "signed"]
NO_PADDING = (0, 0, 0, 0)
MAX_PLANES = 4
QUAD = 4
"""Channels that are added before they join the float32 accumulator."""


def weight_values(w: Array, levels: str) -> NDArray[np.int8]:
    """int8 -1/+1 planes ``(P, ...)`` to the weights ``(...)`` they mean, -15..15.

    >>> weight_values(np.array([[1, -1], [-1, 1]], np.int8), "sum").tolist()
    [-1, 1]
    """
    checks.signs("wconv2d", "weight", w)
    _require_planes(w.shape[0], levels)
    if levels == "ternary":
        return np.asarray((w[0] + w[1]) // 2, np.int8)
    return np.asarray(sum((w[i] << i for i in range(1, w.shape[0])), w[0]), np.int8)


def code_values(x: Array, bits: int, levels: str) -> NDArray[np.int16]:
    """uint8 codes to the values they mean, as the head of this file says.

    >>> code_values(np.array([0, 1, 3, 200], np.uint8), 2, "signed").tolist()
    [-3, -1, 3, 3]
    """
    checks.dtype("wconv2d", "x", x, "uint8")
    if not 1 <= bits <= 8 or levels not in ("unsigned", "signed"):
        raise RangeError("wconv2d", "activation codes", got=f"{bits} bits, {levels}", expected="1..8 bits, (un)signed")
    most = (1 << bits) - 1
    q: NDArray[np.int16] = np.minimum(x, most).astype(np.int16)
    return q if levels == "unsigned" else np.asarray(2 * q - most, np.int16)


def bound(products: int, planes: int, activation_bits: int) -> int:
    """Largest |sum| of ``products`` products of such weights and codes."""
    return bounds.accumulator_bound(products, (1 << activation_bits) - 1, (1 << planes) - 1)


def wconv2d(
    x: Array,
    w: Array,
    *,
    stride: tuple[int, int] = (1, 1),
    padding: tuple[int, int, int, int] = NO_PADDING,
    dilation: tuple[int, int] = (1, 1),
    groups: int = 1,
    levels: str = "sum",
    activation_bits: int = 8,
    activation_levels: str = "unsigned",
) -> Array:
    """uint8 or float32 ``x (N, H, W, C)``, int8 -1/+1 planes ``w (P, O, kH, kW, C/groups)`` to ``(N, Ho, Wo, O)``.

    int32 for codes, float32 for float32 (which has no codes: the two activation arguments must be the defaults).
    Raises ShapeError, DTypeError, RangeError, LimitError.
    """
    where = "wconv2d"
    checks.rank(where, "weight", w, "P O kH kW C/groups")
    checks.dtype(where, "x", x, "uint8", "float32")
    values = weight_values(w, levels)
    geometry = (stride, padding, dilation, groups)
    conv_geometry(where, x, values, *geometry)
    if x.dtype == np.float32:
        require_no_codes(activation_bits, activation_levels)
        return _join([_float_plane(x, plane, *geometry) for plane in w], levels)
    v = windows.pad(code_values(x, activation_bits, activation_levels), padding, 0)
    largest = bound(values[0].size, w.shape[0], activation_bits)
    return integer_conv2d(where, v, values, stride, dilation, groups, largest)


def wdense(x: Array, w: Array, **codes: Any) -> Array:
    """uint8 or float32 ``x (N, 1, 1, C)``, planes ``w (P, O, C)`` to ``(N, 1, 1, O)``; ``codes``: as ``wconv2d``."""
    checks.rank("wdense", "weight", w, "P O C")
    checks.rank("wdense", "x", x, "N 1 1 C")
    if x.shape[1:3] != (1, 1):
        raise ShapeError("wdense", "x", got=x.shape, expected="(N, 1, 1, C)", hint="flatten first")
    return wconv2d(x, w[:, :, None, None, :], **codes)


def wconv2d_bits(x: Array, w: Array, *, levels: str = "sum", activation_bits: int = 8,
                 activation_levels: str = "unsigned", **geometry: Any) -> NDArray[np.int32]:  # fmt: skip
    """The same integers by bit planes, as a binary engine could: one binary convolution for each pair of planes.

    With bit j of a code as t_j = 1 - 2 bit, sum of s * q = sum over j of 2^j (sum of s - sum of s * t_j) / 2.
    """
    most = (1 << activation_bits) - 1
    codes = np.minimum(x, most).astype(np.uint8)
    ones = np.ones(x.shape, np.int8)
    total: Array = np.zeros(1, np.int64)
    for i, plane in enumerate(w):
        signs = binary.bconv2d(ones, plane, **geometry).astype(np.int64)
        acc = np.zeros_like(signs)
        for j in range(activation_bits):
            t = np.where(codes >> j & 1, -1, 1).astype(np.int8)
            acc += (signs - binary.bconv2d(t, plane, **geometry)) // 2 << j
        if activation_levels == "signed":
            acc = 2 * acc - most * signs
        total = total + (acc << i if levels == "sum" else acc)
    return np.asarray(total if levels == "sum" else total // 2, np.int32)


def require_no_codes(bits: int, levels: str) -> None:
    """Raises RangeError unless the activation attributes are the defaults: float32 has no codes."""
    if bits != 8 or levels != "unsigned":
        raise RangeError(
            "wconv2d", "activation codes", got=f"{bits} bits, {levels}", expected="the defaults on float32"
        )


def _require_planes(planes: int, levels: str) -> None:
    if levels == "ternary" and planes == 2:
        return
    if levels != "sum" or not 1 <= planes <= MAX_PLANES:
        raise RangeError("wconv2d", "planes", got=f"{planes}, {levels}", expected='1..4 of "sum" or 2 of "ternary"')


def _float_plane(x: Array, w: Array, stride: tuple[int, int], padding: tuple[int, int, int, int],
                 dilation: tuple[int, int], groups: int) -> NDArray[np.float32]:  # fmt: skip
    """One plane's accumulators ``(N, Ho, Wo, O)``."""
    ho, wo = conv_geometry("wconv2d", x, w, stride, padding, dilation, groups)
    o, channels = w.shape[0], w.shape[3]
    quads = -(-channels // QUAD)
    padded = windows.pad(x, padding, 0)
    sums = np.zeros((groups, o // groups, x.shape[0] * ho * wo), np.float32)
    for (i, j), view in windows.taps(padded, (w.shape[1], w.shape[2]), stride, dilation):
        pixels = np.zeros((groups, quads * QUAD, sums.shape[2]), np.float32)
        pixels[:, :channels] = np.ascontiguousarray(np.moveaxis(view, 3, 0)).reshape(groups, channels, -1)
        filters = np.ones((groups, o // groups, quads * QUAD), np.float32)
        filters[:, :, :channels] = w[:, i, j].reshape(groups, -1, channels)
        for first in range(0, channels, QUAD):
            a, b, c, d = (pixels[:, None, k] * filters[:, :, k, None] for k in range(first, first + QUAD))
            sums += (a + b) + (c + d)
    return np.ascontiguousarray(np.moveaxis(sums.reshape(o, -1), 0, 1)).reshape(-1, ho, wo, o)


def _join(planes: list[NDArray[np.float32]], levels: str) -> NDArray[np.float32]:
    if levels == "ternary":
        return np.asarray((planes[0] + planes[1]) * np.float32(0.5), np.float32)
    out = planes[0]
    for i, plane in enumerate(planes[1:], 1):
        out = out + plane * np.float32(1 << i)
    return out
