"""Weights most of which are 0: those that are not, with the gaps between them (Han et al. 2016, sec. 2 and 3).

``sparse`` keeps their values, ``sparse_shared`` indices into a codebook whose first value is 0, that of the fillers.
Weights are counted along the rows or, with ``columns`` 1, down the columns of the (O, rest) matrix: where whole inputs
are of no use, their gaps are then long and the others short, and Huffman's codes shorter.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .coded import (
    Array,
    Codec,
    Coded,
    Parts,
    attr,
    codebook,
    damaged,
    distinct_values,
    floats,
    index_bits,
    read_stream,
    write_stream,
)
from .gaps import decode_gaps, encode_gaps


def _entries(values: Array, options: dict[str, int]) -> tuple[Array, dict[str, int], Parts]:
    """Values of all entries, fillers 0; attributes; the parts that say where they stand."""
    if options["columns"]:
        values = values.reshape(options["rows"], -1).T.reshape(-1)
    places = np.flatnonzero(values)
    gaps = encode_gaps(places, options["gap_bits"])
    entries = np.zeros(len(gaps.gaps), np.float32)
    entries[~gaps.filler] = values[places]
    attrs = {"entries": len(entries), **{name: options[name] for name in ("gap_bits", "columns", "huffman")}}
    return entries, attrs, write_stream(gaps.gaps, options["gap_bits"], "gaps", options["huffman"])


def _places(coded: Coded, size: int) -> NDArray[np.int64]:
    width, entries = attr(coded, "gap_bits", 1, 8), attr(coded, "entries", 0, size)
    return decode_gaps(read_stream(coded, "gaps", width, entries, 1 << width), size)


def _scatter(coded: Coded, places: NDArray[np.int64], values: Array, size: int) -> Array:
    weight = np.zeros(size, np.float32)
    weight[places] = values
    return weight.reshape(-1, coded.shape[0]).T.reshape(-1) if attr(coded, "columns", 0, 1) else weight


def _split(values: Array, options: dict[str, int]) -> tuple[dict[str, int], Parts]:
    entries, attrs, parts = _entries(values, options)
    return attrs, {"values": entries, **parts}


def _join(coded: Coded, size: int) -> Array:
    places = _places(coded, size)
    return _scatter(coded, places, floats(coded, "values", len(places)), size)


def _split_shared(values: Array, options: dict[str, int]) -> tuple[dict[str, int], Parts]:
    entries, attrs, parts = _entries(values, options)
    found, indices = distinct_values(np.concatenate([np.zeros(1, np.float32), entries]))
    order = np.concatenate([np.flatnonzero(found == 0), np.flatnonzero(found)])  # 0 first, for fillers
    symbols = np.argsort(order)[indices[1:]].astype(np.uint8)
    stream = write_stream(symbols, index_bits(len(found)), "indices", options["huffman"])
    return attrs, {"codebook": found[order], **stream, **parts}


def _join_shared(coded: Coded, size: int) -> Array:
    values = codebook(coded)
    if values[0] != 0:
        raise damaged(coded.codec, "first value of the codebook", float(values[0]), 0)
    places = _places(coded, size)
    index = read_stream(coded, "indices", index_bits(len(values)), len(places), len(values))
    return _scatter(coded, places, values[index], size)


_OPTIONS = {"gap_bits": 5, "columns": 0, "huffman": 1}
_ATTRS = ("entries", "gap_bits", "columns", "huffman")
_GAPS = ("gaps", "gaps_lengths")
SPARSE = Codec("sparse", "float32 weights that are not 0 and the gaps between them (pruning)",
               _OPTIONS, _ATTRS, ("values", *_GAPS), _split, _join)  # fmt: skip
SPARSE_SHARED = Codec("sparse_shared", "gaps, and an index for each weight that is not 0 (Deep Compression)",
                      _OPTIONS, _ATTRS, ("codebook", "indices", "indices_lengths", *_GAPS),
                      _split_shared, _join_shared)  # fmt: skip
