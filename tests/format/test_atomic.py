"""A save that fails loses nothing: the old file stays, no temporary file remains, the error says why."""

from __future__ import annotations

import errno
import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from xnorkit.errors import SaveError
from xnorkit.format import atomic
from xnorkit.format.atomic import write_atomic


@pytest.fixture
def tiny_disk(tmp_path: Path) -> Iterator[Path]:
    """A real file system of 64 KiB. Skipped where mounting is not allowed."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "xnorkit-test", str(folder)]
    try:
        done = subprocess.run(mount, capture_output=True, check=False)
    except OSError as error:
        pytest.skip(f"no mount: {error}")
    if done.returncode:
        pytest.skip(f"cannot mount a tmpfs: {done.stderr.decode().strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def test_writes_pieces_and_counts(tmp_path: Path) -> None:
    path = tmp_path / "a"
    assert write_atomic(path, [b"ab", memoryview(b"cde"), b""]) == 5
    assert path.read_bytes() == b"abcde" and [p.name for p in tmp_path.iterdir()] == ["a"]


def test_honours_umask(tmp_path: Path) -> None:
    old = os.umask(0o027)
    try:
        write_atomic(tmp_path / "a", [b"x"])
    finally:
        os.umask(old)
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o640


def test_full_disk(tiny_disk: Path) -> None:
    path = tiny_disk / "net"
    write_atomic(path, [b"old" * 1000])
    with pytest.raises(SaveError, match="No space left") as caught:
        write_atomic(path, [b"new" * 1000, bytes(1 << 20)])
    assert isinstance(caught.value.__cause__, OSError) and caught.value.__cause__.errno == errno.ENOSPC
    assert path.read_bytes() == b"old" * 1000 and [p.name for p in tiny_disk.iterdir()] == ["net"]
    write_atomic(path, [b"small"])
    assert path.read_bytes() == b"small"


def test_file_size_limit_of_the_system(tmp_path: Path) -> None:
    """A real refusal by the kernel (RLIMIT_FSIZE), after a part of the file was taken."""
    path = tmp_path / "net"
    path.write_bytes(b"old")
    code = (
        "import resource, sys; from xnorkit.format.atomic import write_atomic; from xnorkit.errors import SaveError\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (10000, 10000))\n"
        "try: write_atomic(sys.argv[1], [bytes(8000), bytes(8000)])\n"
        "except SaveError as e: print(e.__cause__.errno)"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(
        [sys.executable, "-c", code, str(path)], capture_output=True, text=True, env=environment, check=True
    )
    assert done.stdout.strip() == str(errno.EFBIG)
    assert path.read_bytes() == b"old" and [p.name for p in tmp_path.iterdir()] == ["net"]


@pytest.mark.parametrize("call", ["write", "fsync", "replace"])
@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO])
def test_failure_of_each_system_call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str, code: int) -> None:
    path = tmp_path / "net"
    path.write_bytes(b"old")

    def fail(*_: object) -> int:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(atomic.os, call, fail)
    with pytest.raises(SaveError, match=os.strerror(code)):
        write_atomic(path, [b"new"])
    monkeypatch.undo()
    assert path.read_bytes() == b"old" and [p.name for p in tmp_path.iterdir()] == ["net"]


def test_interrupt_cleans_up(tmp_path: Path) -> None:
    def pieces() -> Iterator[bytes]:
        yield b"some"
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_atomic(tmp_path / "net", pieces())
    assert list(tmp_path.iterdir()) == []


def test_short_writes_are_continued(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = os.write
    monkeypatch.setattr(atomic.os, "write", lambda fd, data: whole(fd, data[:3]))
    write_atomic(tmp_path / "a", [b"0123456789"])
    monkeypatch.undo()
    assert (tmp_path / "a").read_bytes() == b"0123456789"


def test_refuses_what_is_no_file(tmp_path: Path) -> None:
    for path in (tmp_path, Path("/dev/null"), tmp_path / "missing" / "a", tmp_path / ("n" * 300), tmp_path / "a\0b"):
        with pytest.raises(SaveError):
            write_atomic(path, [b"x"])
    assert list(tmp_path.iterdir()) == [] and stat.S_ISCHR(os.stat("/dev/null").st_mode)


def test_follows_a_symbolic_link(tmp_path: Path) -> None:
    (tmp_path / "real").write_bytes(b"old")
    (tmp_path / "link").symlink_to("real")
    write_atomic(tmp_path / "link", [b"new"])
    assert (tmp_path / "link").is_symlink() and (tmp_path / "real").read_bytes() == b"new"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_read_only_folder(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(SaveError):
        write_atomic(tmp_path / "a", [b"x"])
    tmp_path.chmod(0o700)
