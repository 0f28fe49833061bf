"""Bytes to records. A file is mapped, not read: its tensors are read-only views that the system pages in on use."""

from __future__ import annotations

import mmap
import os
import stat
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import FormatError
from .digest import digest
from .layout import DEFAULT_BUDGET_BYTES, DTYPES, MAX_HEADER_BYTES, Extent, Records
from .validate import validate

Source = str | os.PathLike[str] | bytes | bytearray | memoryview
"""A path, or the bytes of a file themselves."""


def read(source: Source, *, budget_bytes: int = DEFAULT_BUDGET_BYTES) -> Records:
    """The records of a file, after every check of ``validate`` and the comparison of its SHA-256.

    A path is memory-mapped and must not be truncated by others while the arrays live. Raises FormatError with a
    reason of ``FORMAT_REASONS``; a file above ``budget_bytes`` is refused before anything is read.

    >>> read(b"")
    Traceback (most recent call last):
    ...
    xnorkit.errors.FormatError: [<bytes>] file size (truncated): got 0 bytes, expected at least 8
    """
    if isinstance(source, (bytes, bytearray, memoryview)):
        size = source.nbytes if isinstance(source, memoryview) else len(source)
        _check_budget(size, budget_bytes, "<bytes>")
        return _decode(memoryview(bytes(source)), "<bytes>")
    where = str(Path(source))
    return _decode(_map(where, budget_bytes), where)


def _check_budget(size: int, budget_bytes: int, where: str) -> None:
    if size > budget_bytes:
        raise FormatError("over_budget", where, "file size", got=f"{size} bytes", expected=f"at most {budget_bytes}",
                          hint="raise budget_bytes if you trust the file")  # fmt: skip


def _map(where: str, budget_bytes: int) -> memoryview:
    """A read-only map of the file; ``O_NONBLOCK`` keeps a named pipe from blocking the open."""
    try:
        fd = os.open(where, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise FormatError("unreadable", where, "cannot open", got=reason, hint="check the path") from None
    try:
        status = os.fstat(fd)
        if not stat.S_ISREG(status.st_mode):
            raise FormatError("unreadable", where, "path", got="no regular file", expected="a file")
        _check_budget(status.st_size, budget_bytes, where)
        if status.st_size == 0:  # an empty file cannot be mapped
            return memoryview(b"")
        return memoryview(mmap.mmap(fd, status.st_size, access=mmap.ACCESS_READ))
    except OSError as error:
        raise FormatError("unreadable", where, "cannot map", got=error.strerror) from None
    finally:
        os.close(fd)


def _decode(view: memoryview, where: str) -> Records:
    header = validate(bytes(view[: 8 + MAX_HEADER_BYTES]), len(view), where)
    data = view[header.data_start :]
    for e in header.extents:
        if e.is_pad and any(data[e.begin : e.end]):
            raise FormatError("bad_pad", f"{where}: tensor {e.name}", "padding", got="other bytes", expected="zeros")
    found = digest(header.version, header.graph, header.meta, header.extents, [data])
    if found != header.sha256:
        raise FormatError("hash_mismatch", where, "SHA-256", got=found, expected=header.sha256,
                          hint="the file was changed or damaged: copy or download it again")  # fmt: skip
    tensors = {e.name: _array(data, e) for e in header.extents if not e.is_pad}
    return Records(header.graph, tensors, header.meta, header.version, header.sha256, header.data_start, len(data))


def _array(data: memoryview, e: Extent) -> NDArray[Any]:
    array: NDArray[Any] = np.frombuffer(data[e.begin : e.end], dtype=DTYPES[e.dtype]).reshape(e.shape)
    array.flags.writeable = False
    return array
