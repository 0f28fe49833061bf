"""Records to bytes: the same records give the same bytes on every machine."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import FormatError
from .atomic import Piece, write_atomic
from .digest import digest
from .layout import (
    DENSE_VERSION,
    DTYPES,
    KEY_GRAPH,
    KEY_SHA256,
    KEY_VERSION,
    META_PREFIX,
    METADATA,
    PAD_PREFIX,
    Extent,
    Records,
    align,
)
from .strict_json import dump
from .validate import validate

_NAMES = {dtype: name for name, dtype in DTYPES.items()}


def write(records: Records, path: str | os.PathLike[str]) -> int:
    """Write the file atomically and return its size in bytes. Raises FormatError (see ``to_bytes``) or SaveError."""
    return write_atomic(path, _pieces(records, str(path)))


def to_bytes(records: Records) -> bytes:
    """The file as bytes. Raises FormatError with the reason for which a reader would refuse it.

    >>> from .read import read
    >>> file = to_bytes(Records("{}", {"w": np.arange(3, dtype=np.int8)}, {"author": "me"}))
    >>> back = read(file)
    >>> back.graph, back.tensors["w"].tolist(), back.meta
    ('{}', [0, 1, 2], {'author': 'me'})
    """
    return b"".join(_pieces(records, "<bytes>"))


def _pieces(records: Records, where: str) -> Iterator[Piece]:
    """Header, then tensors and padding in order. All checks run before the first piece is yielded."""
    _check_text(records, where)
    extents = _lay_out(records, where)
    data: list[Piece] = [bytes(e.end - e.begin) if e.is_pad else _bytes(records.tensors[e.name]) for e in extents]
    header = _header(records, extents, data)
    validate(header, len(header) + (extents[-1].end if extents else 0), where)
    return iter([header, *data])


def _check_text(records: Records, where: str) -> None:
    for text in (records.graph, *records.meta, *records.meta.values(), *records.tensors):
        try:
            text.encode()
        except UnicodeEncodeError:
            raise FormatError("bad_encoding", where, "text is no Unicode", got=ascii(text)[:64]) from None


def _lay_out(records: Records, where: str) -> list[Extent]:
    extents: list[Extent] = []
    position = pads = 0
    tensors = list(records.tensors.items())
    if records.version >= DENSE_VERSION:  # wide elements first, so that all are aligned without padding
        tensors.sort(key=lambda item: -item[1].dtype.itemsize)
    for name, array in tensors:
        if name.startswith(PAD_PREFIX) or name == METADATA:
            raise FormatError("bad_name", where, "tensor name", got=name, expected="a name that is not reserved")
        dtype = _NAMES.get(array.dtype.newbyteorder("<"))
        if dtype is None:
            raise FormatError(
                "bad_dtype", f"{where}: tensor {name}", "element type", got=array.dtype, expected=", ".join(DTYPES)
            )
        begin = align(position) if records.version < DENSE_VERSION else position
        if begin > position:
            extents.append(Extent(f"{PAD_PREFIX}{pads}", "U8", (begin - position,), position, begin))
            pads += 1
        position = begin + array.nbytes
        extents.append(Extent(name, dtype, array.shape, begin, position))
    return extents


def _header(records: Records, extents: list[Extent], data: list[Piece]) -> bytes:
    """Length field and JSON, padded with spaces so that the data section begins at a multiple of ALIGNMENT."""
    metadata = {
        KEY_VERSION: str(records.version),
        KEY_SHA256: digest(records.version, records.graph, records.meta, extents, data),
        **{META_PREFIX + key: records.meta[key] for key in sorted(records.meta)},
        KEY_GRAPH: records.graph,
    }
    root: dict[str, Any] = {METADATA: metadata}
    for e in extents:
        root[e.name] = {"dtype": e.dtype, "shape": list(e.shape), "data_offsets": [e.begin, e.end]}
    text = dump(root).encode()
    text += b" " * (align(8 + len(text)) - 8 - len(text))
    return len(text).to_bytes(8, "little") + text


def _bytes(array: NDArray[Any]) -> memoryview:
    little = array.astype(array.dtype.newbyteorder("<"), copy=False)
    return np.ascontiguousarray(little).reshape(-1).view(np.uint8).data
