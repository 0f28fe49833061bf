"""The binary version of CIFAR-10 and CIFAR-100: rows of label bytes and 3072 picture bytes, planes R, G, B of 32x32.

CIFAR-10: 1 label byte; CIFAR-100: coarse then fine label. The "python version" is pickle, which can run code when
read, and is refused.  Source: A. Krizhevsky, "Learning Multiple Layers of Features from Tiny Images", 2009.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from xnorkit.errors import DataError

PIXELS = 3 * 32 * 32


def read(paths: Sequence[str | Path], classes: int) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Pictures uint8 (N, 32, 32, 3) and labels int64 (N,) of the files in order; the last label byte counts.

    Parameters
    ----------
    classes: 10 (one label byte a row) or 100 (two: coarse, fine).

    Raises
    ------
    DataError: cannot be opened, is no whole number of rows, is a pickle, or holds a label >= ``classes``.
    """
    head = 1 if classes == 10 else 2
    rows = [_rows(Path(path), head, classes) for path in paths]
    table = np.concatenate(rows)
    images = table[:, head:].reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)
    return np.ascontiguousarray(images), table[:, head - 1].astype(np.int64)


def _rows(path: Path, head: int, classes: int) -> NDArray[np.uint8]:
    width = head + PIXELS
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise DataError(str(path), f"cannot be read ({error.strerror})") from None
    if raw[:1] == b"\x80" and len(raw) % width:
        raise DataError(str(path), "is a Python pickle, which is not safe to read",
                        hint="fetch the binary version (cifar-10-binary.tar.gz)")  # fmt: skip
    if not raw or len(raw) % width:
        raise DataError(str(path), "truncated or no CIFAR file", got=f"{len(raw)} bytes",
                        expected=f"a multiple of {width} bytes", hint="fetch the file again")  # fmt: skip
    table = np.frombuffer(raw, np.uint8).reshape(-1, width)
    if (top := int(table[:, head - 1].max())) >= classes:
        raise DataError(str(path), "label out of range", got=top, expected=f"0..{classes - 1}")
    return table
