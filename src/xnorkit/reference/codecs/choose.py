"""The codec of the table that takes a weight in the fewest bytes; sizes are counted before anything is encoded.

>>> weight = np.zeros((10, 100), np.float32)
>>> weight[:, ::25] = [0.5, -0.5, 0.25, 0.5]
>>> cheapest(weight).codec, cheapest(weight).nbytes < 80
('sparse_shared', True)
>>> cheapest(np.random.default_rng(0).random((10, 100), np.float32)) is None
True
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

import numpy as np
from numpy.typing import NDArray

from .coded import MAX_VALUES, Array, Coded, index_bits
from .fields import field_bytes
from .gaps import encode_gaps
from .huffman import code_lengths
from .table import CODECS

SAMPLE = 4096
"""Weights among which more than 256 different values tell that sharing is of no use."""


def cheapest(weight: Array, *, huffman: int = 1) -> Coded | None:
    """The weight in the parts of the codec and options that take the fewest bytes; None where plain float32 does.

    weight: finite float32 numbers of any shape. huffman: 0 for fields of a fixed width, which decode faster.
    """
    best = min((size for size in _sizes(weight, huffman) if size[0]), default=None)  # no file holds parts of nothing
    if best is None or best[0] >= weight.nbytes:
        return None
    _, codec, width, columns = best
    options = {"huffman": huffman} | ({"gap_bits": width, "columns": columns} if width else {})
    return CODECS[codec].encode(weight, options)


def _sizes(weight: Array, huffman: int) -> Iterator[tuple[int, str, int, int]]:
    """(bytes, codec, width of gaps or 0, whether down the columns) of all that can hold the weight."""
    flat = weight.reshape(-1)
    places = np.flatnonzero(flat)
    counts = _counts(flat[places])
    if counts is not None and len(counts) < MAX_VALUES:
        zeros = len(flat) - len(places)
        whole = np.concatenate([[zeros], counts]) if zeros else counts
        yield 4 * len(whole) + _stream_bytes(whole, index_bits(len(whole)), huffman), "shared", 0, 0
    if len(places) > len(flat) // 2:  # gaps of which most are 0 save nothing
        return
    down = np.flatnonzero(weight.reshape(len(weight), -1).T)
    for width, columns in product(range(1, 9), range(2 if weight.ndim > 1 else 1)):
        gaps = encode_gaps(down if columns else places, width).gaps
        where = _stream_bytes(np.bincount(gaps, minlength=1), width, huffman)
        yield 4 * len(gaps) + where, "sparse", width, columns
        if counts is not None and len(counts) < MAX_VALUES:
            whole = np.concatenate([[len(gaps) - len(places)], counts])
            values = 4 * len(whole) + _stream_bytes(whole, index_bits(len(whole)), huffman)
            yield values + where, "sparse_shared", width, columns


def _counts(values: Array) -> NDArray[np.int64] | None:
    """How often each different value occurs, in rising order; None for more than a codebook holds."""
    if len(np.unique(values[:SAMPLE])) > MAX_VALUES:
        return None
    counts = np.unique(values, return_counts=True)[1]
    return counts if len(counts) <= MAX_VALUES else None


def _stream_bytes(counts: NDArray[np.int64], width: int, huffman: int) -> int:
    """Bytes of a stream whose symbol s occurs ``counts[s]`` times, and of its code lengths."""
    if not huffman:
        return field_bytes(int(counts.sum()), width)
    lengths = code_lengths(counts).astype(np.int64)
    return (int((counts * lengths).sum()) + 7) // 8 + len(counts)
