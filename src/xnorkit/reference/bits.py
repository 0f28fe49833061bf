"""Packing -1/+1 into bits and back: bit 1 is -1, least significant bit first, tails are 0 bits (see conventions.py).

Two layouts. *Rows* (activations, and filter taps inside kernels): the channel axis of every pixel is padded to a whole
byte. *Flat* (weights in graphs and files): all values in canonical order, only the very end is padded, so that a file
holds one bit a weight.

>>> pack(np.array([[1, -1, -1, 1, 1, 1, 1, 1, -1]], np.int8)).tolist()
[[6, 1]]
>>> unpack(np.array([[6, 1]], np.uint8), 9).tolist()
[[1, -1, -1, 1, 1, 1, 1, 1, -1]]
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import RangeError, ShapeError
from . import checks

POPCOUNT = np.unpackbits(np.arange(256, dtype=np.uint8)[:, None], axis=1).sum(axis=1, dtype=np.uint8)
"""Number of 1 bits of every byte."""


def row_bytes(channels: int) -> int:
    """Bytes of one packed channel row: ceil(C / 8).

    >>> row_bytes(8), row_bytes(9)
    (1, 2)
    """
    if channels < 1:
        raise RangeError("bits", "channels", got=channels, expected="at least 1")
    return (channels + 7) // 8


def pack(x: NDArray[Any]) -> NDArray[np.uint8]:
    """int8 -1/+1 ``(..., C)`` to uint8 rows ``(..., ceil(C/8))``. Raises DTypeError, RangeError, ShapeError."""
    checks.signs("pack", "values", x)
    if x.ndim == 0 or x.shape[-1] == 0:
        raise ShapeError("pack", "values", got=x.shape, expected="(..., C) with C >= 1")
    return np.packbits(x < 0, axis=-1, bitorder="little")


def unpack(p: NDArray[Any], channels: int) -> NDArray[np.int8]:
    """uint8 rows ``(..., ceil(C/8))`` to int8 -1/+1 ``(..., C)``.

    Raises DTypeError, ShapeError when a row has another length, RangeError when a tail bit is 1.
    """
    checks.dtype("unpack", "bytes", p, "uint8")
    if p.ndim == 0 or p.shape[-1] != row_bytes(channels):
        expected = f"(..., {row_bytes(channels)}) for {channels} channels"
        raise ShapeError("unpack", "bytes", got=p.shape, expected=expected)
    require_clear_tail("unpack", p, channels)
    bits = np.unpackbits(p, axis=-1, count=channels, bitorder="little")
    return np.asarray(1 - 2 * bits.view(np.int8), np.int8)


def pack_flat(x: NDArray[Any]) -> NDArray[np.uint8]:
    """int8 -1/+1 of any shape to flat bytes ``(ceil(size/8),)``, in C order.

    >>> pack_flat(-np.ones((3, 3), np.int8)).tolist()
    [255, 1]
    """
    return pack(np.ascontiguousarray(x).reshape(-1))


def unpack_flat(b: NDArray[Any], shape: tuple[int, ...]) -> NDArray[np.int8]:
    """Inverse of ``pack_flat``. Raises DTypeError, ShapeError (length), RangeError (a tail bit is 1)."""
    count = 1
    for d in shape:
        count *= d
    if not isinstance(b, np.ndarray) or b.ndim != 1:
        raise ShapeError("unpack_flat", "bytes", got=getattr(b, "shape", type(b).__name__), expected="one axis")
    return unpack(b, count).reshape(shape)


def require_clear_tail(where: str, p: NDArray[Any], channels: int) -> None:
    """Raises RangeError when a bit behind the last channel of a packed row is 1."""
    tail = channels % 8
    if tail and (p[..., -1] >> tail).any():
        raise RangeError(where, "tail bits of a packed row", got=1, expected="all 0")


def popcount(p: NDArray[np.uint8]) -> NDArray[np.int32]:
    """Number of 1 bits of every row: uint8 ``(..., B)`` to int32 ``(...)``."""
    return np.asarray(POPCOUNT[p].sum(axis=-1, dtype=np.int32))


def slice_channels(p: NDArray[np.uint8], begin: int, count: int) -> NDArray[np.uint8]:
    """Rows that hold channels begin .. begin + count - 1 of the rows ``p``, shifted to start at bit 0, tail 0.

    A group of channels need not start at a byte: each result byte joins the high bits of one byte with the low bits of
    the next.

    >>> slice_channels(np.array([0b10110000, 0b00000001], np.uint8), 4, 5).tolist()
    [27]
    """
    size, shift, first = row_bytes(count), begin % 8, begin // 8
    low = np.array(p[..., first : first + size])
    if shift:
        after = p[..., first + 1 : first + 1 + size]
        missing = size - after.shape[-1]
        if missing:
            after = np.concatenate([after, np.zeros((*p.shape[:-1], missing), np.uint8)], axis=-1)
        low = np.bitwise_or(low >> shift, after << (8 - shift), dtype=np.uint8)
    if count % 8:
        low[..., -1] &= (1 << count % 8) - 1
    return low
