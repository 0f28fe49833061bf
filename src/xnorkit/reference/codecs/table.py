"""THE CODEC TABLE: how float32 weights stand in a file in fewer bytes, one row each.

A row turns an array into *parts*, arrays of uint8 or float32 that a file stores, and *attributes*, whole numbers; and
back, exactly. Streams of small numbers are fields of a fixed width or, where ``huffman`` is 1, Huffman codes, whose
lengths are then a part of their own. Sizes come from attributes and are checked against the parts before anything of
that size is allocated.

>>> weight = np.array([[0.5, 0, 0], [0, 0, -0.25]], np.float32)
>>> coded = CODECS["sparse_shared"].encode(weight, {"gap_bits": 2, "huffman": 0})
>>> {role: part.tolist() for role, part in coded.parts.items()}, coded.attrs["entries"]
({'codebook': [0.0, -0.25, 0.5], 'indices': [18], 'gaps': [12]}, 3)
>>> bool((decode(coded) == weight).all())
True
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...errors import FormatError, RangeError
from . import huffman
from .fields import pack_fields, unpack_fields
from .gaps import decode_gaps, encode_gaps

Attrs = Mapping[str, int]
Array = NDArray[np.float32]
MAX_VALUES = 256
"""Of a codebook."""
MAX_SIZE = 1 << 31


@dataclass(frozen=True)
class Coded:
    """A weight in parts. shape: of the weight; attrs, parts: as its row of the table writes them."""

    codec: str
    shape: tuple[int, ...]
    attrs: dict[str, int]
    parts: dict[str, NDArray[Any]]

    @property
    def nbytes(self) -> int:
        """Bytes of all parts."""
        return sum(part.nbytes for part in self.parts.values())


@dataclass(frozen=True)
class Codec:
    """A row. options: those of ``encode`` with their defaults; roles: of the parts that are always there."""

    name: str
    doc: str
    options: Mapping[str, int]
    roles: tuple[str, ...]
    split: Callable[[Array, dict[str, int]], tuple[dict[str, int], dict[str, NDArray[Any]]]]
    join: Callable[[Coded, int], Array]

    def encode(self, weight: Array, options: Attrs | None = None) -> Coded:
        """The weight in parts. Raises RangeError for an unknown option, no float32, NaN, no element, or more different
        values than a codebook holds."""
        given = dict(options or {})
        if unknown := sorted(set(given) - set(self.options)):
            raise RangeError(self.name, "option", got=unknown[0], expected=sorted(self.options))
        if weight.dtype != np.float32 or not weight.size or not np.isfinite(weight).all():
            raise RangeError(
                self.name, "weight", got=f"{weight.dtype} {weight.shape}", expected="finite float32 numbers"
            )
        attrs, parts = self.split(weight.reshape(-1), {**self.options, **given})
        return Coded(self.name, weight.shape, attrs, parts)


def decode(coded: Coded) -> Array:
    """The weight. Raises FormatError ``coded`` for an unknown codec, and for parts and attributes that do not fit."""
    row = CODECS.get(coded.codec)
    if row is None:
        raise FormatError("coded", "codecs", "codec", got=coded.codec, expected=f"one of {sorted(CODECS)}")
    size = math.prod(coded.shape)
    if not coded.shape or min(coded.shape) < 1 or size >= MAX_SIZE:
        raise FormatError("coded", row.name, "shape", got=coded.shape, expected="1 to 2^31 - 1 elements")
    return row.join(coded, size).reshape(coded.shape)


def distinct_values(values: Array) -> tuple[Array, NDArray[np.int64]]:
    """(codebook, index of each value in it). Raises RangeError for more than 256 different values."""
    codebook, indices = np.unique(values, return_inverse=True)
    if len(codebook) > MAX_VALUES:
        raise RangeError("codecs", "different values", got=len(codebook), expected=f"at most {MAX_VALUES}",
                         hint="share weights first")  # fmt: skip
    return codebook, indices.reshape(-1)


def _index_bits(values: int) -> int:
    return max(1, (values - 1).bit_length())


def _write(symbols: NDArray[np.uint8], width: int, name: str, coded: bool) -> dict[str, NDArray[Any]]:
    if not coded:
        return {name: pack_fields(symbols, width)}
    lengths = huffman.code_lengths(np.bincount(symbols, minlength=1))
    return {name: huffman.encode(symbols, lengths), f"{name}_lengths": lengths}


def _read(coded: Coded, name: str, width: int, count: int) -> NDArray[np.uint8]:
    data = _part(coded, name, np.uint8)
    if not _attr(coded, "huffman", 0, 1):
        return unpack_fields(data, width, count)
    return huffman.decode(data, _part(coded, f"{name}_lengths", np.uint8), count)


def _part(coded: Coded, name: str, dtype: type[np.generic]) -> NDArray[Any]:
    part = coded.parts.get(name)
    if part is None or part.dtype != dtype or part.ndim != 1:
        raise FormatError("coded", coded.codec, f"part {name}", got="none" if part is None else f"{part.dtype}",
                          expected=f"one row of {np.dtype(dtype).name}")  # fmt: skip
    return part


def _attr(coded: Coded, name: str, low: int, high: int) -> int:
    value = coded.attrs.get(name)
    if not isinstance(value, int) or not low <= value <= high:
        raise FormatError("coded", coded.codec, name, got=value, expected=f"{low}..{high}")
    return value


def _codebook(coded: Coded) -> Array:
    values = _part(coded, "codebook", np.float32)
    if not 1 <= len(values) <= MAX_VALUES or not np.isfinite(values).all():
        raise FormatError("coded", coded.codec, "codebook", got=f"{len(values)} values", expected="1..256 finite ones")
    return values


def _look_up(coded: Coded, codebook: Array, count: int) -> Array:
    indices = _read(coded, "indices", _index_bits(len(codebook)), count)
    if indices.size and int(indices.max()) >= len(codebook):
        raise FormatError("coded", coded.codec, "index", got=int(indices.max()), expected=f"below {len(codebook)}")
    return np.asarray(codebook[indices])


def _split_shared(values: Array, options: dict[str, int]) -> tuple[dict[str, int], dict[str, NDArray[Any]]]:
    codebook, indices = distinct_values(values)
    stream = _write(indices.astype(np.uint8), _index_bits(len(codebook)), "indices", bool(options["huffman"]))
    return {"huffman": options["huffman"]}, {"codebook": codebook, **stream}


def _join_shared(coded: Coded, size: int) -> Array:
    return _look_up(coded, _codebook(coded), size)


def _entries(values: Array, options: dict[str, int]) -> tuple[Array, dict[str, int], dict[str, NDArray[Any]]]:
    """Values of all entries, fillers 0; attributes; the parts that say where they stand."""
    places = np.flatnonzero(values)
    gaps = encode_gaps(places, options["gap_bits"])
    entries = np.zeros(len(gaps.gaps), np.float32)
    entries[~gaps.filler] = values[places]
    attrs = {"entries": len(entries), "gap_bits": options["gap_bits"], "huffman": options["huffman"]}
    return entries, attrs, _write(gaps.gaps, options["gap_bits"], "gaps", bool(options["huffman"]))


def _places(coded: Coded, size: int) -> NDArray[np.int64]:
    width = _attr(coded, "gap_bits", 1, 8)
    gaps = _read(coded, "gaps", width, _attr(coded, "entries", 0, size))
    if gaps.size and int(gaps.max()) >> width:
        raise FormatError("coded", coded.codec, "gap", got=int(gaps.max()), expected=f"below {1 << width}")
    return decode_gaps(gaps, size)


def _scatter(places: NDArray[np.int64], values: Array, size: int) -> Array:
    weight = np.zeros(size, np.float32)
    weight[places] = values
    return weight


def _split_sparse(values: Array, options: dict[str, int]) -> tuple[dict[str, int], dict[str, NDArray[Any]]]:
    entries, attrs, parts = _entries(values, options)
    return attrs, {"values": entries, **parts}


def _join_sparse(coded: Coded, size: int) -> Array:
    places, values = _places(coded, size), _part(coded, "values", np.float32)
    if len(values) != len(places) or not np.isfinite(values).all():
        raise FormatError("coded", coded.codec, "values", got=len(values), expected=f"{len(places)} finite ones")
    return _scatter(places, values, size)


def _split_sparse_shared(values: Array, options: dict[str, int]) -> tuple[dict[str, int], dict[str, NDArray[Any]]]:
    entries, attrs, parts = _entries(values, options)
    codebook, indices = distinct_values(np.concatenate([np.zeros(1, np.float32), entries]))
    order = np.concatenate([np.flatnonzero(codebook == 0), np.flatnonzero(codebook)])  # 0 first, for fillers
    symbols = np.argsort(order)[indices[1:]].astype(np.uint8)
    stream = _write(symbols, _index_bits(len(codebook)), "indices", bool(options["huffman"]))
    return attrs, {"codebook": codebook[order], **stream, **parts}


def _join_sparse_shared(coded: Coded, size: int) -> Array:
    codebook = _codebook(coded)
    if codebook[0] != 0:
        raise FormatError("coded", coded.codec, "first value of the codebook", got=float(codebook[0]), expected=0)
    places = _places(coded, size)
    return _scatter(places, _look_up(coded, codebook, len(places)), size)


_ROWS = (
    Codec("shared", "a codebook of up to 256 values and an index for each weight (k-means weight sharing)",
          {"huffman": 1}, ("codebook", "indices"), _split_shared, _join_shared),
    Codec("sparse", "float32 weights that are not 0 and the gaps between them (pruning)",
          {"gap_bits": 5, "huffman": 1}, ("values", "gaps"), _split_sparse, _join_sparse),
    Codec("sparse_shared", "gaps, and an index for each weight that is not 0 (Deep Compression)",
          {"gap_bits": 5, "huffman": 1}, ("codebook", "indices", "gaps"), _split_sparse_shared, _join_sparse_shared),
)  # fmt: skip

CODECS: dict[str, Codec] = {row.name: row for row in _ROWS}
