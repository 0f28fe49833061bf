"""Weights that share a few values: a codebook, and for each weight its index (Han et al. 2016, sec. 3).

n weights of k values take n log2(k) + 32 k bits with fields of a fixed width, less where Huffman codes the indices.
"""

from __future__ import annotations

from .coded import Array, Codec, Coded, Parts, codebook, distinct_values, index_bits, read_stream, write_stream


def _split(values: Array, options: dict[str, int]) -> tuple[dict[str, int], Parts]:
    found, indices = distinct_values(values)
    stream = write_stream(indices, index_bits(len(found)), "indices", options["huffman"])
    return {"huffman": options["huffman"]}, {"codebook": found, **stream}


def _join(coded: Coded, size: int) -> Array:
    values = codebook(coded)
    return values[read_stream(coded, "indices", index_bits(len(values)), size, len(values))]


SHARED = Codec("shared", "a codebook of up to 256 values and an index for each weight (k-means weight sharing)",
               {"huffman": 1}, ("huffman",), ("codebook", "indices", "indices_lengths"), _split, _join)  # fmt: skip
