"""A weight in parts, a row of the codec table, and what all rows share: streams of small numbers, parts as bytes.

A codec turns float32 weights into *parts*, rows of uint8 or float32 that a file stores one behind the other, and
*attributes*, whole numbers; and back, exactly. Streams are fields of a fixed width or, where ``huffman`` is 1, Huffman
codes, whose lengths are then a part of their own, ``NAME_lengths``. Sizes come from attributes and are checked against
the parts before anything of that size is allocated.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...errors import GraphError, RangeError
from . import huffman
from .fields import pack_fields, unpack_fields

Attrs = Mapping[str, int]
Array = NDArray[np.float32]
Parts = dict[str, NDArray[Any]]
MAX_VALUES = 256
"""Of a codebook."""
MAX_SIZE = 1 << 31
FLOATS = ("codebook", "values")
"""Parts of float32; the others are uint8."""


@dataclass(frozen=True)
class Coded:
    """A weight in parts. shape: of the weight; attrs, parts: as its row of the table writes them."""

    codec: str
    shape: tuple[int, ...]
    attrs: dict[str, int]
    parts: Parts

    @property
    def nbytes(self) -> int:
        """Bytes of all parts."""
        return sum(part.nbytes for part in self.parts.values())

    @property
    def size(self) -> int:
        """Number of weights."""
        return math.prod(self.shape)

    @property
    def dtype(self) -> np.dtype[Any]:
        """float32, what it decodes to."""
        return np.dtype("<f4")

    def tobytes(self) -> bytes:
        """The parts one behind the other, in their order, as a file holds them."""
        return b"".join(part.tobytes() for part in self.parts.values())


@dataclass(frozen=True)
class Codec:
    """A row. options: those of ``encode`` with their defaults; attrs: of ``Coded``; parts: in the order of a file,
    those of float32 first, and ``NAME_lengths`` behind a stream that Huffman codes.

    split: flat weights and all options -> attributes, parts. join: checked attributes and parts, number of weights ->
    flat weights.
    """

    name: str
    doc: str
    options: Mapping[str, int]
    attrs: tuple[str, ...]
    parts: tuple[str, ...]
    split: Callable[[Array, dict[str, int]], tuple[dict[str, int], Parts]]
    join: Callable[[Coded, int], Array]

    def encode(self, weight: Array, options: Attrs | None = None) -> Coded:
        """The weight in parts. Raises RangeError for an unknown option, no float32, NaN, no element, or values that
        this codec cannot hold."""
        given = dict(options or {})
        if unknown := sorted(set(given) - set(self.options)):
            raise RangeError(self.name, "option", got=unknown[0], expected=sorted(self.options))
        if weight.dtype != np.float32 or not weight.size or not np.isfinite(weight).all():
            got = f"{weight.dtype} {weight.shape}"
            raise RangeError(self.name, "weight", got=got, expected="finite float32 numbers")
        options = {"rows": weight.shape[0], **self.options, **given}
        attrs, parts = self.split(weight.reshape(-1), options)
        return Coded(self.name, weight.shape, attrs, {name: parts[name] for name in self.parts if name in parts})

    def check(self, coded: Coded) -> int:
        """Number of weights. Raises GraphError ``coded`` for another shape, attributes or parts than the row's."""
        if not coded.shape or min(coded.shape) < 1 or coded.size >= MAX_SIZE:
            raise damaged(self.name, "shape", coded.shape, "1 to 2^31 - 1 elements")
        if set(coded.attrs) != set(self.attrs):
            raise damaged(self.name, "attributes", sorted(coded.attrs), sorted(self.attrs))
        wanted = [name for name in self.parts if coded.attrs.get("huffman") or not name.endswith("_lengths")]
        if list(coded.parts) != wanted:
            raise damaged(self.name, "parts", list(coded.parts), wanted)
        for name, part in coded.parts.items():
            kind = np.float32 if name in FLOATS else np.uint8
            if part.dtype != kind or part.ndim != 1:
                raise damaged(self.name, f"part {name}", f"{part.dtype} {part.shape}", f"a row of {kind.__name__}")
        return coded.size


def damaged(where: str, what: str, got: object, expected: object) -> GraphError:
    """The error of every coded weight that cannot be one."""
    return GraphError("coded", where, what, got=got, expected=expected)


def attr(coded: Coded, name: str, low: int, high: int) -> int:
    """An attribute. Raises GraphError ``coded`` unless it is a whole number of that range."""
    value = coded.attrs.get(name)
    if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
        raise damaged(coded.codec, name, value, f"{low}..{high}")
    return value


def floats(coded: Coded, name: str, count: int) -> Array:
    """A part of ``count`` finite float32 numbers. Raises GraphError ``coded``."""
    values = coded.parts[name]
    if len(values) != count or not np.isfinite(values).all():
        raise damaged(coded.codec, name, f"{len(values)} values", f"{count} finite ones")
    return values


def codebook(coded: Coded) -> Array:
    """The part of that name: 1..256 finite values. Raises GraphError ``coded``."""
    return floats(coded, "codebook", min(max(len(coded.parts["codebook"]), 1), MAX_VALUES))


def index_bits(values: int) -> int:
    """Bits of an index into so many values, at least 1.

    >>> [index_bits(n) for n in (1, 2, 3, 256)]
    [1, 1, 2, 8]
    """
    return max(1, (values - 1).bit_length())


def distinct_values(values: Array) -> tuple[Array, NDArray[np.uint8]]:
    """(codebook, rising; index of each value in it). Raises RangeError for more than 256 different values."""
    found, indices = np.unique(values, return_inverse=True)
    if len(found) > MAX_VALUES:
        raise RangeError("codecs", "different values", got=len(found), expected=f"at most {MAX_VALUES}",
                         hint="share weights first")  # fmt: skip
    return found, indices.reshape(-1).astype(np.uint8)


def write_stream(symbols: NDArray[np.uint8], width: int, name: str, coded: int) -> Parts:
    """The part ``name`` of symbols below ``2^width``, and ``name_lengths`` where Huffman codes are asked for."""
    if not coded:
        return {name: pack_fields(symbols, width)}
    lengths = huffman.code_lengths(np.bincount(symbols, minlength=1))
    return {name: huffman.encode(symbols, lengths), f"{name}_lengths": lengths}


def read_stream(coded: Coded, name: str, width: int, count: int, limit: int) -> NDArray[np.uint8]:
    """The ``count`` symbols of a part, each below ``limit``. Raises GraphError ``coded``."""
    data = coded.parts[name]
    if attr(coded, "huffman", 0, 1):
        symbols = huffman.decode(data, coded.parts[f"{name}_lengths"], count)
    else:
        symbols = unpack_fields(data, width, count)
    if symbols.size and int(symbols.max()) >= limit:
        raise damaged(coded.codec, name, int(symbols.max()), f"below {limit}")
    return symbols
