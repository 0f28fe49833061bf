"""Rows of a matrix as sums of vectors from codebooks (Gong et al. 2014, product and residual quantization).

A weight of O outputs is a matrix of O rows and n columns, cut into ``segments`` of d = n / segments columns. Segment s
of row o is the sum over the stages, in their order, of one vector each:

    W[o, s d : (s + 1) d] = sum_t codebook[t, s, index[t, s, o]]

Product quantization has one stage, residual quantization several. The codebook, (stages, segments, values, d), is
stored flat, and so are the indices, (stages, segments, O).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ...errors import RangeError
from .coded import (
    MAX_VALUES,
    Array,
    Codec,
    Coded,
    Parts,
    attr,
    damaged,
    floats,
    index_bits,
    read_stream,
    write_stream,
)

MAX_STAGES = 16


def from_codebook(codebook: Array, indices: NDArray[np.uint8], shape: tuple[int, ...], huffman: int = 1) -> Coded:
    """The coded weight of that ``shape``. codebook (T, S, k, d), indices (T, S, O). Raises RangeError where they do not
    fit each other or the shape."""
    stages, segments, values, width = codebook.shape
    fits = indices.shape == (stages, segments, shape[0]) and segments * width == int(np.prod(shape[1:]))
    if not fits or not 1 <= values <= MAX_VALUES or stages > MAX_STAGES or (indices >= values).any():
        raise RangeError("vector", "codebook and indices", got=f"{codebook.shape}, {indices.shape}",
                         expected=f"(T, S, k, d) and (T, S, O) for {shape}",
                         hint=f"k up to {MAX_VALUES}, T up to {MAX_STAGES}, indices below k")  # fmt: skip
    attrs = {"segments": segments, "stages": stages, "huffman": huffman}
    stream = write_stream(indices.reshape(-1), index_bits(values), "indices", huffman)
    return Coded("vector", shape, attrs, {"codebook": codebook.astype(np.float32).reshape(-1), **stream})


def tabled(coded: Coded) -> int:
    """Columns of a segment where products with the weight are worth making from tables, else 0.

    The tables hold the products with every sum of one vector a stage. They pay where a segment has at most 256 such
    sums, the outputs are twice as many, and segments are 4 columns long, 8 where the sums are more than a register
    holds (docs/results/compression.md has the times).
    """
    if coded.codec != "vector":
        return 0
    columns = coded.size // coded.shape[0]
    width = columns // max(coded.attrs.get("segments", 1), 1)
    stages = min(max(coded.attrs.get("stages", 1), 1), MAX_STAGES)
    sums = (len(coded.parts["codebook"]) // (stages * columns)) ** stages
    pays = 1 <= sums <= MAX_VALUES and 2 * sums <= coded.shape[0] and width >= (4 if sums <= 16 else 8)
    return width if pays else 0


def _split(values: Array, options: dict[str, int]) -> tuple[dict[str, int], Parts]:
    """One stage, exactly: the different vectors of each segment are its codebook."""
    rows, segments = options["rows"], options["segments"]
    if segments < 1 or len(values) // rows % segments:
        raise RangeError("vector", "segments", got=segments, expected=f"a divisor of {len(values) // rows}")
    cut = values.reshape(rows, segments, -1)
    found = [np.unique(cut[:, s], axis=0, return_inverse=True) for s in range(segments)]
    most = max(len(book) for book, _ in found)
    if most > MAX_VALUES:
        raise RangeError("vector", "different vectors", got=most, expected=f"at most {MAX_VALUES} a segment",
                         hint="quantize first")  # fmt: skip
    codebook = np.zeros((1, segments, most, cut.shape[2]), np.float32)
    for s, (book, _) in enumerate(found):
        codebook[0, s, : len(book)] = book
    indices = np.stack([inverse.reshape(-1) for _, inverse in found]).astype(np.uint8)[None]
    coded = from_codebook(codebook, indices, (rows, len(values) // rows), options["huffman"])
    return coded.attrs, coded.parts


def _join(coded: Coded, size: int) -> Array:
    rows = coded.shape[0]
    columns = size // rows
    segments, stages = attr(coded, "segments", 1, columns), attr(coded, "stages", 1, MAX_STAGES)
    values = len(coded.parts["codebook"]) // (stages * columns)
    if columns % segments or not 1 <= values <= MAX_VALUES:
        raise damaged("vector", "codebook", f"{len(coded.parts['codebook'])} numbers, {segments} segments",
                      f"1..{MAX_VALUES} vectors a segment and stage, {columns} columns")  # fmt: skip
    books = floats(coded, "codebook", stages * columns * values).reshape(stages, segments, values, -1)
    indices = read_stream(coded, "indices", index_bits(values), stages * segments * rows, values)
    weight = np.zeros((segments, rows, columns // segments), np.float32)
    for book, index in zip(books, indices.reshape(stages, segments, rows), strict=True):
        weight += np.take_along_axis(book, index[:, :, None].astype(np.int64), axis=1)
    if not np.isfinite(weight).all():
        raise damaged("vector", "sums of vectors", "infinity", "finite numbers")
    return weight.transpose(1, 0, 2).reshape(-1)


VECTOR = Codec("vector", "rows as sums of vectors from codebooks (product and residual quantization)",
               {"segments": 1, "huffman": 1}, ("segments", "stages", "huffman"),
               ("codebook", "indices", "indices_lengths"), _split, _join)  # fmt: skip
