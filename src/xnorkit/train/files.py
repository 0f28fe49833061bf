"""Files and folders that are either whole or not there: written under another name, flushed, then renamed."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from xnorkit.errors import SaveError


def write_file(path: Path, data: bytes) -> None:
    """Replace ``path`` by ``data`` in one step; on failure the old file is untouched.

    Raises
    ------
    SaveError: full disk, no permission, ...
    """
    partial = path.with_name(f".{path.name}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _write_through(partial, data)
        os.replace(partial, path)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise _refusal(path, error) from None


def write_folder(folder: Path, files: Mapping[str, bytes]) -> None:
    """Replace ``folder`` by one holding exactly ``files``.

    The new folder is complete on disk before the old one moves away, so at any instant a complete one exists under
    ``folder`` or under `old_name`; `settle` puts it back after a kill in between.

    Raises
    ------
    SaveError: as `write_file`; the old folder is untouched.
    """
    partial, old = folder.with_name(f".{folder.name}.partial"), old_name(folder)
    settle(folder)
    try:
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        for name, data in files.items():
            _write_through(partial / name, data)
        if folder.exists():
            os.replace(folder, old)
        os.replace(partial, folder)
        _sync(folder.parent)
    except OSError as error:
        shutil.rmtree(partial, ignore_errors=True)
        settle(folder)
        raise _refusal(folder, error) from None
    shutil.rmtree(old, ignore_errors=True)


def old_name(folder: Path) -> Path:
    """Where `write_folder` keeps the previous folder while the new one takes its place."""
    return folder.with_name(f".{folder.name}.old")


def settle(folder: Path) -> None:
    """Finish an exchange that was cut off: the previous folder comes back if its place is empty, else it goes."""
    old = old_name(folder)
    if not old.is_dir():
        return
    if folder.is_dir():
        shutil.rmtree(old, ignore_errors=True)
    else:
        os.replace(old, folder)


def _write_through(path: Path, data: bytes) -> None:
    with path.open("wb") as stream:
        stream.write(data)
        stream.flush()
        os.fsync(stream.fileno())


def _sync(folder: Path) -> None:
    """Make renames durable where the system can sync a folder."""
    if os.name != "posix":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _refusal(path: Path, error: OSError) -> SaveError:
    return SaveError(str(path), f"cannot be written ({error.strerror or error})",
                     hint="free some space or choose another --out; what was saved before is untouched")  # fmt: skip
