"""What is written is read back bit for bit, here and by the stock safetensors library."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from xnorkit.errors import FormatError
from xnorkit.format.layout import DTYPES, PAD_PREFIX, TENSOR_NAME, Records
from xnorkit.format.read import read
from xnorkit.format.write import to_bytes, write

TEXT = st.text(st.characters(codec="utf-8"), max_size=30)
NAMES = st.from_regex(TENSOR_NAME, fullmatch=True).filter(lambda n: not n.startswith("__"))
ARRAYS = st.sampled_from(list(DTYPES.values())).flatmap(
    lambda dtype: hnp.arrays(dtype, hnp.array_shapes(min_dims=1, max_dims=6, max_side=9))
)
RECORDS = st.builds(
    Records,
    graph=TEXT,
    tensors=st.dictionaries(NAMES, ARRAYS, max_size=6),
    meta=st.dictionaries(TEXT, TEXT, max_size=4),
)


def header_of(data: bytes) -> dict[str, dict[str, object]]:
    found: dict[str, dict[str, object]] = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
    return found


@settings(max_examples=80)
@given(RECORDS)
def test_round_trip(records: Records) -> None:
    data = to_bytes(records)
    back = read(data)
    assert back.graph == records.graph and back.meta == records.meta and list(back.tensors) == list(records.tensors)
    for name, array in records.tensors.items():
        found = back.tensors[name]
        assert found.dtype == array.dtype and found.shape == array.shape and found.tobytes() == array.tobytes()
        assert not found.flags.writeable
    assert to_bytes(back) == data


@settings(max_examples=60)
@given(RECORDS)
def test_stock_safetensors_reads_it_and_tensors_are_aligned(records: Records) -> None:
    data = to_bytes(records)
    start = 8 + int.from_bytes(data[:8], "little")
    assert start % 64 == 0
    stock = {k: v for k, v in safetensors.numpy.load(data).items() if not k.startswith(PAD_PREFIX)}
    assert stock.keys() == records.tensors.keys()
    for name, array in records.tensors.items():
        assert stock[name].dtype == array.dtype and stock[name].tobytes() == array.tobytes()
        offsets = header_of(data)[name]["data_offsets"]
        assert isinstance(offsets, list) and offsets[0] % 64 == 0


@pytest.mark.parametrize(
    "header",
    [
        b'{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}',
        b'{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1],"what":1}}',
        b'{"z":{"dtype":"U8","shape":[0],"data_offsets":[0,0]},"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}',
    ],
    ids=["duplicate key", "unknown field", "empty tensor sharing an offset"],
)
def test_stricter_than_stock(header: bytes) -> None:
    meta = b'{"__metadata__":{"xnorkit.version":"1","xnorkit.graph":"","xnorkit.sha256":"' + b"0" * 64 + b'"},'
    header = meta + header[1:]
    header += b" " * (-(8 + len(header)) % 64)
    data = len(header).to_bytes(8, "little") + header + b"\0"
    safetensors.numpy.load(data)
    with pytest.raises(FormatError) as caught:
        read(data)
    assert caught.value.reason in {"duplicate_key", "unknown_field", "zero_size"}


def test_digest_as_documented() -> None:
    """The SHA-256 rebuilt from the words of docs/format.md, byte by byte."""
    records = Records(
        '{"n":1}', {"a": np.arange(3, dtype=np.int8), "b.c": np.ones((2, 2), np.float32)}, {"ü": "x", "k": "v"}
    )
    data = to_bytes(records)
    start = 8 + int.from_bytes(data[:8], "little")
    table = b"a I8 3 0 3\n__pad__0 U8 61 3 64\nb.c F32 2x2 64 80\n"
    parts = [b"1", b'{"n":1}', b"2", b"k", b"v", "ü".encode(), b"x", table]
    framed = b"".join(len(p).to_bytes(8, "little") + p for p in parts)
    assert read(data).sha256 == hashlib.sha256(framed + data[start:]).hexdigest()


def test_content_decides_the_bytes() -> None:
    x = np.arange(24, dtype=np.float32).reshape(2, 3, 4)
    plain = to_bytes(Records("{}", {"x": x}, {"a": "1", "b": "2"}))
    assert plain == to_bytes(Records("{}", {"x": np.asfortranarray(x)}, {"b": "2", "a": "1"}))
    assert plain == to_bytes(Records("{}", {"x": x.astype(">f4")}, {"a": "1", "b": "2"}))
    assert plain != to_bytes(Records("{}", {"x": x + 1}, {"a": "1", "b": "2"}))


@pytest.mark.parametrize(
    ("reason", "records"),
    [
        ("bad_dtype", Records("{}", {"w": np.zeros(1)})),
        ("bad_name", Records("{}", {"__pad__0": np.zeros(1, np.uint8)})),
        ("bad_name", Records("{}", {"__metadata__": np.zeros(1, np.uint8)})),
        ("bad_name", Records("{}", {"a b": np.zeros(1, np.uint8)})),
        ("zero_size", Records("{}", {"w": np.zeros((3, 0), np.uint8)})),
        ("rank", Records("{}", {"w": np.zeros((1,) * 7, np.uint8)})),
        ("rank", Records("{}", {"w": np.array(1, np.uint8)})),
        ("bad_encoding", Records("\ud800")),
        ("bad_encoding", Records("{}", {}, {"a": "\udfff"})),
        ("header_too_large", Records("x" * (1 << 20))),
        ("too_many_tensors", Records("{}", {f"t{i}": np.zeros(64, np.uint8) for i in range(4097)})),
        ("newer_version", Records("{}", version=3)),
    ],
)
def test_writer_refuses_what_a_reader_would(tmp_path: Path, reason: str, records: Records) -> None:
    with pytest.raises(FormatError) as caught:
        write(records, tmp_path / "x.safetensors")
    assert caught.value.reason == reason
    assert list(tmp_path.iterdir()) == []


def test_writer_names_the_element_type_it_refuses() -> None:
    with pytest.raises(
        FormatError, match=r"tensor w\] element type \(bad_dtype\): got float64, expected U8, I8, I32, F32, U16"
    ):
        to_bytes(Records("{}", {"w": np.zeros(1)}))


def test_largest_number_of_tensors() -> None:
    records = Records("{}", {f"t{i}": np.full(3, i % 256, np.uint8) for i in range(4096)})
    assert list(read(to_bytes(records)).tensors) == list(records.tensors)


def test_path_is_mapped_and_outlives_its_name(tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    write(Records("{}", {"w": np.arange(1000, dtype=np.int32)}), path)
    back = read(path)
    write(Records("{}", {"w": np.zeros(1, np.int32)}), path)  # replaced, not overwritten: the map keeps the old content
    os.unlink(path)
    assert back.tensors["w"].tolist() == list(range(1000))
    with pytest.raises(ValueError):
        back.tensors["w"][0] = 1
    with pytest.raises(ValueError):
        back.tensors["w"].flags.writeable = True


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_reads_any_bytes_and_keeps_no_hold_on_them(kind: type) -> None:
    data = to_bytes(Records("{}", {"w": np.arange(10, dtype=np.int8)}))
    source = kind(data)
    back = read(source)
    if isinstance(source, bytearray):
        source[:] = b"\0" * len(source)
    assert back.tensors["w"].tolist() == list(range(10))
