"""The one gate between bytes and records: everything a file must satisfy, and the closed list of ways it may not.

>>> sorted(FORMAT_REASONS)[:3]
['bad_dtype', 'bad_encoding', 'bad_entry']
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..errors import FormatError
from .layout import (
    ALIGNMENT,
    DENSE_VERSION,
    DTYPES,
    KEY_GRAPH,
    KEY_SHA256,
    KEY_VERSION,
    MAX_HEADER_BYTES,
    MAX_RANK,
    MAX_TENSOR_BYTES,
    MAX_TENSORS,
    META_PREFIX,
    METADATA,
    PAD_PREFIX,
    TENSOR_NAME,
    VERSION,
    Extent,
)
from .strict_json import parse

FORMAT_REASONS: dict[str, str] = {
    "unreadable": "the path cannot be opened, or is no regular file",
    "over_budget": "the file, or what it decodes to, is larger than budget_bytes allows",
    "truncated": "the file ends before its header or its data does",
    "header_too_large": "the header length is above 1 MB",
    "header_start": "the header is empty or does not begin with '{'",
    "bad_encoding": "text that is not UTF-8, or a string with half a surrogate pair",
    "too_deep": "JSON nested deeper than 8",
    "bad_json": "text that is not JSON",
    "bad_number": "a float, NaN, Infinity, -0 or an integer above 2^53",
    "duplicate_key": "a JSON object names a key twice",
    "not_xnorkit": "a safetensors file without xnorkit's version in its metadata",
    "metadata_not_text": "the metadata is no object of strings",
    "bad_version": "the version is no positive decimal number",
    "newer_version": "the file was written by a newer xnorkit",
    "missing_field": "a required field of the metadata or of a tensor is absent",
    "unknown_field": "a field that this version does not define",
    "bad_hash": "the SHA-256 is not 64 lower-case hex digits",
    "bad_name": "a tensor name with other characters than letters, digits, '_' and '.', or too long",
    "too_many_tensors": "more than 4096 tensors",
    "bad_entry": "a tensor's entry, shape or data_offsets has the wrong JSON type",
    "bad_dtype": "an element type outside U8, I8, I32, F32, U16",
    "rank": "a tensor with rank 0 or above 6",
    "zero_size": "a tensor with an empty dimension",
    "too_large": "a tensor whose shape needs more than 8 GiB",
    "size_mismatch": "data_offsets do not span the bytes that shape and element type need",
    "overlap": "two tensors share bytes",
    "hole": "bytes between two tensors belong to none",
    "misaligned": "the data section or a tensor does not begin at a multiple of 64 bytes (version 2: of its elements)",
    "bad_pad": "padding: 64 bytes or more, not of zeros or U8, not before the next tensor, or in version 2",
    "trailing_bytes": "bytes after the last tensor",
    "hash_mismatch": "the content does not match the SHA-256 stored with it",
}
"""Reason -> what it means. Every FormatError carries one of these; one byte-literal test per reason."""

_VERSION_TEXT = re.compile(r"[1-9][0-9]{0,8}")
_SHA256_TEXT = re.compile(r"[0-9a-f]{64}")
_FIELDS = ("dtype", "shape", "data_offsets")


@dataclass(frozen=True)
class Header:
    """A header that passed every rule; ``extents`` are in file order and include padding."""

    version: int
    graph: str
    sha256: str
    meta: Mapping[str, str]
    extents: tuple[Extent, ...]
    data_start: int


def validate(head: bytes, file_bytes: int, where: str) -> Header:
    """Check the length field and header in ``head`` (the first bytes of a file of ``file_bytes``).

    ``head`` holds at least ``min(file_bytes, 8 + MAX_HEADER_BYTES)`` bytes. Nothing is allocated by a number found in
    the file before that number is checked. Raises FormatError with a reason of ``FORMAT_REASONS``.
    """
    if file_bytes < 8:
        raise FormatError("truncated", where, "file size", got=f"{file_bytes} bytes", expected="at least 8")
    length = int.from_bytes(head[:8], "little")
    if length > MAX_HEADER_BYTES:
        hint = "no packed file, or a graph too large for one"
        expected = f"at most {MAX_HEADER_BYTES}"
        raise FormatError("header_too_large", where, "header length", got=length, expected=expected, hint=hint)
    if length > file_bytes - 8:
        raise FormatError("truncated", where, "header length", got=length, expected=f"at most {file_bytes - 8}")
    text = head[8 : 8 + length]
    if not text.startswith(b"{"):
        raise FormatError("header_start", where, "header starts with", got=text[:1], expected="b'{'")
    root = parse(text, where)
    version, graph, sha256, meta = _metadata(root.pop(METADATA, None), where)
    if (8 + length) % ALIGNMENT:
        raise FormatError(
            "misaligned", where, "data section begins at", got=8 + length, expected=f"a multiple of {ALIGNMENT}"
        )
    extents = _extents(root, where)
    _check_cover(extents, file_bytes - 8 - length, version, where)
    return Header(version, graph, sha256, meta, extents, 8 + length)


def _metadata(found: Any, where: str) -> tuple[int, str, str, dict[str, str]]:
    """(version, graph, sha256, user meta). The version is judged first: a newer file may differ in everything else."""
    if found is None:
        found = {}
    if not isinstance(found, dict) or not all(isinstance(value, str) for value in found.values()):
        raise FormatError("metadata_not_text", where, METADATA, expected="an object of strings")
    if KEY_VERSION not in found:
        raise FormatError("not_xnorkit", where, f"no {KEY_VERSION!r} in the metadata",
                          hint="a plain safetensors file: write packed files with `xnorkit export`")  # fmt: skip
    text = found.pop(KEY_VERSION)
    if not _VERSION_TEXT.fullmatch(text):
        raise FormatError("bad_version", where, KEY_VERSION, got=ascii(text[:32]), expected="a positive number")
    if int(text) > VERSION:
        raise FormatError("newer_version", where, "file version", got=text, expected=f"at most {VERSION}",
                          hint="upgrade: pip install -U xnorkit")  # fmt: skip
    for key in (KEY_GRAPH, KEY_SHA256):
        if key not in found:
            raise FormatError("missing_field", where, "metadata", got=sorted(found), expected=key)
    graph, sha256 = found.pop(KEY_GRAPH), found.pop(KEY_SHA256)
    unknown = [key for key in found if not key.startswith(META_PREFIX)]
    if unknown:
        raise FormatError("unknown_field", where, "metadata key", got=ascii(unknown[0][:64]),
                          expected=f"{KEY_VERSION}, {KEY_GRAPH}, {KEY_SHA256} or {META_PREFIX}*")  # fmt: skip
    if not _SHA256_TEXT.fullmatch(sha256):
        raise FormatError("bad_hash", where, KEY_SHA256, got=ascii(sha256[:80]), expected="64 lower-case hex digits")
    return int(text), graph, sha256, {key.removeprefix(META_PREFIX): value for key, value in found.items()}


def _extents(root: Mapping[str, Any], where: str) -> tuple[Extent, ...]:
    if sum(not name.startswith(PAD_PREFIX) for name in root) > MAX_TENSORS:
        raise FormatError("too_many_tensors", where, "tensors", got=len(root), expected=f"at most {MAX_TENSORS}")
    found = (_extent(name, entry, where) for name, entry in root.items())
    return tuple(sorted(found, key=lambda e: (e.begin, e.end)))


def _extent(name: str, entry: Any, where: str) -> Extent:
    at = f"{where}: tensor {name[:192]}"
    if not TENSOR_NAME.fullmatch(name):
        raise FormatError(
            "bad_name", where, "tensor name", got=ascii(name[:192]), expected="letters, digits, '_', '.'; 1..192"
        )
    if not isinstance(entry, dict):
        raise FormatError("bad_entry", at, "entry", expected="an object")
    for key in entry:
        if key not in _FIELDS:
            raise FormatError("unknown_field", at, "field", got=ascii(key[:64]), expected=_FIELDS)
    for key in _FIELDS:
        if key not in entry:
            raise FormatError("missing_field", at, "field", got="none", expected=key)
    dtype, shape, offsets = (entry[key] for key in _FIELDS)
    if not isinstance(dtype, str) or dtype not in DTYPES:
        raise FormatError("bad_dtype", at, "dtype", got=ascii(dtype)[:32], expected=", ".join(DTYPES))
    if not _is_counts(shape):
        raise FormatError("bad_entry", at, "shape", got=ascii(shape)[:64], expected="a list of integers")
    if not _is_counts(offsets) or len(offsets) != 2 or offsets[0] > offsets[1]:
        raise FormatError("bad_entry", at, "data_offsets", got=ascii(offsets)[:64], expected="[begin, end]")
    if not 1 <= len(shape) <= MAX_RANK:
        raise FormatError("rank", at, "rank", got=len(shape), expected=f"1..{MAX_RANK}")
    size = DTYPES[dtype].itemsize
    for n in shape:
        if n == 0:
            raise FormatError("zero_size", at, "shape", got=shape, expected="no empty dimension")
        size *= n
        if size > MAX_TENSOR_BYTES:
            raise FormatError("too_large", at, "shape", got=shape, expected=f"at most {MAX_TENSOR_BYTES} bytes")
    if offsets[1] - offsets[0] != size:
        raise FormatError(
            "size_mismatch", at, "bytes", got=offsets[1] - offsets[0], expected=f"{size} for {dtype} {shape}"
        )
    return Extent(name, dtype, tuple(shape), offsets[0], offsets[1])


def _is_counts(value: Any) -> bool:
    return isinstance(value, list) and all(type(n) is int and n >= 0 for n in value)


def _check_cover(extents: tuple[Extent, ...], data_bytes: int, version: int, where: str) -> None:
    """Tensors lie one after the other from byte 0 to the end of the file: aligned, no hole, no overlap."""
    position = 0
    for i, e in enumerate(extents):
        at = f"{where}: tensor {e.name}"
        if e.begin < position:
            raise FormatError("overlap", at, "begins at", got=e.begin, expected=f"at least {position}")
        if e.begin > position:
            raise FormatError("hole", at, "begins at", got=e.begin, expected=position)
        step = ALIGNMENT if version < DENSE_VERSION else DTYPES[e.dtype].itemsize
        if e.is_pad:
            _check_pad(e, i == len(extents) - 1 or version >= DENSE_VERSION, at)
        elif e.begin % step:
            raise FormatError("misaligned", at, "begins at", got=e.begin, expected=f"a multiple of {step}")
        position = e.end
    if position > data_bytes:
        raise FormatError("truncated", where, "data section", got=f"{data_bytes} bytes", expected=position,
                          hint="the file is incomplete: copy or download it again")  # fmt: skip
    if position < data_bytes:
        raise FormatError("trailing_bytes", where, "data section", got=f"{data_bytes} bytes", expected=position)


def _check_pad(e: Extent, idle: bool, at: str) -> None:
    size = e.end - e.begin
    if e.dtype != "U8" or size >= ALIGNMENT:
        expected = f"less than {ALIGNMENT} bytes of U8"
        raise FormatError("bad_pad", at, "padding", got=f"{size} bytes of {e.dtype}", expected=expected)
    if idle or e.end % ALIGNMENT:
        raise FormatError(
            "bad_pad", at, "padding ends at", got=e.end, expected=f"a tensor at a multiple of {ALIGNMENT}"
        )
