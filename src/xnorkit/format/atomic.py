"""Write a file whole or not at all."""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Iterable, Iterator
from pathlib import Path

from ..errors import SaveError

Piece = bytes | memoryview


def write_atomic(path: str | os.PathLike[str], pieces: Iterable[Piece]) -> int:
    """Put the pieces in ``path`` and return the bytes written.

    They go to a temporary file in the same folder, which is flushed to the disk and then renamed over ``path``: a
    reader sees the old file or the new one, and a crash loses neither. A symbolic link is followed. Raises SaveError
    when the disk is full, the folder is missing or not writable, or ``path`` is no regular file; the old file is then
    untouched and the temporary one removed.
    """
    with _as_save_error(str(path)):
        target = Path(os.path.realpath(path))
        if target.exists() and not target.is_file():
            raise SaveError(str(path), "cannot write", got="something that is no regular file", expected="a file")
        temporary = target.with_name(f".{target.name[:64]}.{secrets.token_hex(8)}.tmp")
        try:
            written = _write(temporary, pieces)
            os.replace(temporary, target)
        except BaseException:  # an interrupt, too, must not leave the temporary file behind
            with contextlib.suppress(OSError):
                os.unlink(temporary)
            raise
    _sync_folder(target.parent)
    return written


@contextlib.contextmanager
def _as_save_error(where: str) -> Iterator[None]:
    try:
        yield
    except SaveError:
        raise
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        reason = error.strerror if isinstance(error, OSError) else str(error)
        hint = "free space or choose another folder; the previous file, if any, is untouched"
        raise SaveError(where, "cannot write", got=reason, hint=hint) from error


def _write(temporary: Path, pieces: Iterable[Piece]) -> int:
    fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o666)
    written = 0
    try:
        for piece in pieces:
            rest = memoryview(piece).cast("B")
            while rest:  # a nearly full disk takes a part and fails on the next call
                n = os.write(fd, rest)
                rest = rest[n:]
                written += n
        os.fsync(fd)
    finally:
        os.close(fd)
    return written


def _sync_folder(folder: Path) -> None:
    """Make the new name itself durable, where the system lets a folder be flushed; the file is whole either way."""
    with contextlib.suppress(OSError):
        fd = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)
