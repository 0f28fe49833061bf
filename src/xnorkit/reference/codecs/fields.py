"""Numbers of a fixed width in a row: number i takes bits ``i w .. (i + 1) w - 1``, least significant first.

>>> pack_fields(np.array([1, 2, 3], np.uint8), 2).tolist()
[57]
>>> unpack_fields(np.array([57], np.uint8), 2, 3).tolist()
[1, 2, 3]
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ...errors import GraphError, RangeError

MAX_WIDTH = 8


def field_bytes(count: int, width: int) -> int:
    """Bytes of ``count`` numbers of ``width`` bits: ceil(count width / 8). Raises RangeError unless 1 <= width <= 8."""
    if not 1 <= width <= MAX_WIDTH:
        raise RangeError("fields", "width", got=width, expected=f"1..{MAX_WIDTH}")
    return (count * width + 7) // 8


def pack_fields(values: NDArray[np.uint8], width: int) -> NDArray[np.uint8]:
    """uint8 numbers ``(n,)`` below ``2^width`` to bytes; the bits behind the last are 0. Raises RangeError."""
    field_bytes(0, width)
    if values.size and int(values.max()) >> width:
        raise RangeError("fields", "value", got=int(values.max()), expected=f"below {1 << width}")
    bits = (values.astype(np.uint8)[:, None] >> np.arange(width, dtype=np.uint8)) & 1
    return np.packbits(bits.reshape(-1), bitorder="little")


def unpack_fields(data: NDArray[np.uint8], width: int, count: int) -> NDArray[np.uint8]:
    """The ``count`` numbers. Raises GraphError ``coded`` for another length or bits behind the last."""
    if len(data) != field_bytes(count, width):
        raise GraphError("coded", "fields", "bytes", got=len(data), expected=field_bytes(count, width))
    bits = np.unpackbits(data, bitorder="little")
    if bits[count * width :].any():
        raise GraphError("coded", "fields", "bits behind the last number", got="1", expected="0")
    weights = (1 << np.arange(width)).astype(np.uint8)
    fields = bits[: count * width].reshape(count, width)
    return np.asarray((fields * weights).sum(axis=1, dtype=np.uint8))
