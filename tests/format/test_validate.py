"""The closed list of reasons: each has a literal file that earns it, and nothing else is ever raised."""

from __future__ import annotations

import errno
import json
import mmap
import os
import re
import time
from pathlib import Path

import numpy as np
import pytest
from format_cases import CASES, HASH, META, MORE, framed, pair

import xnorkit.format
from xnorkit.errors import FormatError
from xnorkit.format.layout import MAX_HEADER_BYTES, Records
from xnorkit.format.read import read
from xnorkit.format.validate import FORMAT_REASONS
from xnorkit.format.write import to_bytes

ABOUT_THE_WAY_IN = {"unreadable", "over_budget"}


def reason_of(data: bytes) -> str:
    with pytest.raises(FormatError) as caught:
        read(data)
    return caught.value.reason


def test_as_many_cases_as_reasons() -> None:
    assert len(CASES) + len(ABOUT_THE_WAY_IN) == len(FORMAT_REASONS)
    assert set(CASES) | ABOUT_THE_WAY_IN == set(FORMAT_REASONS)


@pytest.mark.parametrize("reason", CASES)
def test_reason(reason: str) -> None:
    assert reason_of(CASES[reason]) == reason


@pytest.mark.parametrize(("reason", "data"), MORE, ids=[f"{i}-{reason}" for i, (reason, _) in enumerate(MORE)])
def test_more_of_the_same(reason: str, data: bytes) -> None:
    assert reason_of(data) == reason


def test_source_raises_only_listed_reasons() -> None:
    sources = "".join(p.read_text() for p in Path(str(xnorkit.format.__file__)).parent.glob("*.py"))
    assert set(re.findall(r'FormatError\(\s*"(\w+)"', sources)) == set(FORMAT_REASONS)


def test_pad_bytes_must_be_zero() -> None:
    file = to_bytes(Records("{}", {"a": np.zeros(1, np.uint8), "b": np.zeros(1, np.uint8)}))
    data_start = 8 + int.from_bytes(file[:8], "little")
    broken = bytearray(file)
    broken[data_start + 5] = 1
    assert reason_of(bytes(broken)) == "bad_pad"


def test_version_2_is_dense_and_aligned_to_elements() -> None:
    tensors = {"a": np.zeros(3, np.uint8), "b": np.ones(2, np.float32), "c": np.zeros(1, np.uint16)}
    file = to_bytes(Records("{}", tensors, version=2))
    found = read(file)
    assert list(found.tensors) == ["b", "c", "a"] and found.data_bytes == 13
    assert all(np.array_equal(found.tensors[name], array) for name, array in tensors.items())
    u8 = {"dtype": "U8", "shape": [1], "data_offsets": [0, 1]}
    wide = {"dtype": "F32", "shape": [1], "data_offsets": [1, 5]}
    assert reason_of(relabelled(file, {"a": u8, "b": wide}, b"\0" * 5)) == "misaligned"
    pad = {"dtype": "U8", "shape": [3], "data_offsets": [1, 4]}
    wide = {"dtype": "F32", "shape": [1], "data_offsets": [4, 8]}
    assert reason_of(relabelled(file, {"a": u8, "__pad__0": pad, "b": wide}, b"\0" * 8)) == "bad_pad"


def relabelled(file: bytes, tensors: dict[str, object], data: bytes) -> bytes:
    """The file's metadata over other tensors."""
    root = json.loads(file[8 : 8 + int.from_bytes(file[:8], "little")])
    text = json.dumps({"__metadata__": root["__metadata__"], **tensors}).encode()
    text += b" " * (-(8 + len(text)) % 64)
    return len(text).to_bytes(8, "little") + text + data


def test_pad_must_lead_to_a_tensor() -> None:
    tail = pair(b'{"dtype":"U8","shape":[1],"data_offsets":[0,1]}',
                b'{"dtype":"U8","shape":[63],"data_offsets":[1,64]}', b"\0" * 64, (b"a", b"__pad__0"))  # fmt: skip
    assert reason_of(tail) == "bad_pad"


@pytest.mark.parametrize("name", ["missing.safetensors", ".", "a\0b", "x" * 5000])
def test_unreadable_path(tmp_path: Path, name: str) -> None:
    with pytest.raises(FormatError) as caught:
        read(str(tmp_path / name) if name != "." else tmp_path)
    assert caught.value.reason == "unreadable"


def test_named_pipe_is_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(FormatError) as caught:
        read(tmp_path / "pipe")
    assert caught.value.reason == "unreadable"


def test_mapping_may_fail(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OSError(errno.ENOMEM, os.strerror(errno.ENOMEM))

    (tmp_path / "a").write_bytes(to_bytes(Records("{}")))
    monkeypatch.setattr(mmap, "mmap", fail)
    with pytest.raises(FormatError, match="Cannot allocate memory") as caught:
        read(tmp_path / "a")
    assert caught.value.reason == "unreadable"


def test_budget_is_checked_before_reading(tmp_path: Path) -> None:
    path = tmp_path / "sparse.bin"
    with path.open("wb") as file:
        file.truncate(1 << 33)  # 8 GiB of nothing on disk
    for source, budget in ((path, 1 << 32), (b"\0" * 100, 99), (memoryview(b"\0" * 100), 99)):
        with pytest.raises(FormatError) as caught:
            read(source, budget_bytes=budget)
        assert caught.value.reason == "over_budget"


def test_newer_version_tells_to_upgrade() -> None:
    with pytest.raises(FormatError, match="pip install -U xnorkit"):
        read(CASES["newer_version"])


def test_every_message_says_where_what_and_which_reason() -> None:
    for reason, data in CASES.items():
        with pytest.raises(FormatError) as caught:
            read(data)
        message = str(caught.value)
        assert message.startswith("[<bytes>") and f"({reason})" in message
        assert len(message) < 1000 and message.replace("\n", "").isprintable()


@pytest.mark.parametrize("filler", [b"[],", b'"a",', b"{},", b'"\\\\",', b'"\\u0041",', b"1,"])
def test_validation_time_is_bounded(filler: bytes) -> None:
    """A header of the largest size, of any texture, takes seconds at most (a quadratic scan: hours)."""
    room = MAX_HEADER_BYTES - len(META) - 100
    header = b"{" + META + b',"a":[' + filler * (room // len(filler)) + b"0]}"
    start = time.process_time()
    assert reason_of(framed(header)) == "bad_entry"
    assert time.process_time() - start < 5


def test_hash_constant_is_no_accident() -> None:
    assert HASH not in to_bytes(Records("{}")).decode("latin-1")
