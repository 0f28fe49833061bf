"""IDX, the format of MNIST's kin: big-endian header, then the elements; plain or gzip-compressed.

======  =====================================================================
bytes   meaning
======  =====================================================================
0-1     zero
2       element type: 0x08 is uint8, the only one read here
3       number of axes, 1..4
4-      one uint32 per axis, then exactly their product of elements
======  =====================================================================

Source: Y. LeCun, C. Cortes, C. Burges, "The MNIST database", section "The IDX file format".
"""

from __future__ import annotations

import gzip
import math
import struct
import zlib
from pathlib import Path
from typing import IO

import numpy as np
from numpy.typing import NDArray

from xnorkit.errors import DataError

UINT8 = 0x08
MAX_BYTES = 1 << 32
"""Largest array read, in bytes: a wrong header must not allocate the machine away."""


def read(path: str | Path) -> NDArray[np.uint8]:
    """The uint8 array of an IDX file, of the header's shape.

    Raises
    ------
    DataError: cannot be opened, is truncated, has bytes left over, is no uint8 IDX file, or its gzip is damaged.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = (Path(folder) / "a").write_bytes(bytes([0, 0, 8, 1, 0, 0, 0, 2, 7, 9]))
    ...     read(Path(folder) / "a").tolist()
    [7, 9]
    """
    path = Path(path)
    try:
        with path.open("rb") as raw:
            zipped = raw.read(2) == b"\x1f\x8b"
        with gzip.open(path, "rb") if zipped else path.open("rb") as stream:
            return _parse(stream, str(path))  # type: ignore[arg-type]
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(str(path), f"cannot be read ({error})", hint="fetch the file again") from None


def _parse(stream: IO[bytes], name: str) -> NDArray[np.uint8]:
    head = stream.read(4)
    if len(head) < 4 or head[:2] != b"\0\0":
        raise DataError(name, "not an IDX file", got=f"first bytes {head.hex(' ')}", expected="00 00 08 and 1..4 axes")
    kind, rank = head[2], head[3]
    if kind != UINT8 or not 1 <= rank <= 4:
        raise DataError(name, "unsupported IDX file", got=f"type 0x{kind:02x} with {rank} axes",
                        expected="type 0x08 (uint8) with 1..4 axes")  # fmt: skip
    sizes = stream.read(4 * rank)
    if len(sizes) < 4 * rank:
        raise DataError(name, "truncated header", got=f"{4 + len(sizes)} bytes", expected=f"{4 + 4 * rank} bytes")
    shape = struct.unpack(f">{rank}I", sizes)
    count = math.prod(shape)
    if count > MAX_BYTES:
        raise DataError(name, "array too large", got=f"{count} bytes", expected=f"at most {MAX_BYTES} bytes")
    body = stream.read(count)
    if len(body) < count:
        raise DataError(name, "truncated", got=f"{len(body)} elements", expected=f"{count} elements {shape}",
                        hint="fetch the file again")  # fmt: skip
    if stream.read(1):
        raise DataError(name, "bytes left over after the last element", expected=f"{count} elements {shape}")
    return np.frombuffer(body, np.uint8).reshape(shape)
