"""Huffman codes of symbols 0..255, canonical, of at most 16 bits (Huffman 1952; lengths: Larmore, Hirschberg 1990).

A code is its lengths alone: codes are numbers that rise with (length, symbol), written most significant bit first:

    first(l + 1) = (first(l) + number of codes of length l) * 2

Where one symbol is all there is, its code is one bit, 0. Length 0: the symbol does not occur.

>>> lengths = code_lengths(np.array([5, 1, 1, 1]))
>>> lengths.tolist(), [f"{c:0{n}b}" for c, n in zip(canonical(lengths).tolist(), lengths.tolist())]
([1, 3, 3, 2], ['0', '110', '111', '10'])
>>> data = encode(np.array([0, 3, 0, 1], np.uint8), lengths)
>>> data.tolist(), decode(data, lengths, 4).tolist()
([76], [0, 3, 0, 1])
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ...errors import GraphError, RangeError

MAX_LENGTH = 16
MAX_SYMBOLS = 256
Lengths = NDArray[np.uint8]


def code_lengths(counts: NDArray[np.integer], limit: int = MAX_LENGTH) -> Lengths:
    """The lengths ``(S,)`` of the shortest code of at most ``limit`` bits for symbols that occur ``counts`` times.

    Package-merge: of ``limit`` rows, each the counts and the pairs of the row below, the 2 (s - 1) lightest of the last
    are taken; a symbol's length is how often it is among them. Raises RangeError for no or over 256 symbols, counts
    below 0, or more symbols than codes of ``limit`` bits.
    """
    if not 1 <= len(counts) <= MAX_SYMBOLS or int(counts.min()) < 0:
        raise RangeError("huffman", "counts", got=f"{len(counts)} symbols", expected="1..256 symbols, counts from 0 on")
    lengths = np.zeros(len(counts), np.uint8)
    used = np.flatnonzero(counts)
    if not 1 <= limit <= MAX_LENGTH or len(used) > 1 << limit:
        raise RangeError("huffman", "limit", got=limit, expected=f"up to {MAX_LENGTH}, enough for {len(used)} symbols")
    if len(used) < 2:
        lengths[used] = 1
        return lengths
    single: list[tuple[int, tuple[int, ...]]] = sorted((int(counts[symbol]), (int(symbol),)) for symbol in used)
    row = single
    for _ in range(limit - 1):
        pairs = [(a[0] + b[0], a[1] + b[1]) for a, b in zip(row[::2], row[1::2], strict=False)]
        row = sorted(single + pairs, key=lambda item: item[0])
    for _, symbols in row[: 2 * (len(used) - 1)]:
        for symbol in symbols:
            lengths[symbol] += 1
    return lengths


def check_lengths(lengths: Lengths) -> None:
    """Raises GraphError ``coded`` unless every row of bits is of exactly one code: lengths of at most 16, and
    ``sum 2^-length = 1``; or one symbol alone, of length 1."""
    used = lengths[lengths > 0].astype(np.int64)
    if len(lengths) > MAX_SYMBOLS or (used.size and int(used.max()) > MAX_LENGTH):
        raise GraphError("coded", "huffman", "code lengths", got=f"{len(lengths)} of up to {int(lengths.max())} bits",
                          expected=f"at most {MAX_SYMBOLS} of at most {MAX_LENGTH}")  # fmt: skip
    total = int((1 << (MAX_LENGTH - used)).sum())
    if (used.size > 1 and total != 1 << MAX_LENGTH) or (used.size == 1 and int(used[0]) != 1):
        raise GraphError("coded", "huffman", "code lengths", got=f"a sum of {total / 2**MAX_LENGTH:g}",
                          expected="sum of 2^-length = 1")  # fmt: skip


def canonical(lengths: Lengths) -> NDArray[np.uint16]:
    """The code ``(S,)`` of every symbol, 0 for those that do not occur. Raises GraphError ``coded``."""
    check_lengths(lengths)
    codes, code, before = np.zeros(len(lengths), np.uint16), 0, 0
    for symbol in np.lexsort((np.arange(len(lengths)), lengths)):
        if lengths[symbol]:
            code <<= int(lengths[symbol]) - before if before else 0
            codes[symbol], before = code, int(lengths[symbol])
            code += 1
    return codes


def encode(symbols: NDArray[np.uint8], lengths: Lengths) -> NDArray[np.uint8]:
    """Symbols ``(n,)`` as bytes; the bits behind the last code are 0. Raises RangeError for one without a code."""
    codes = canonical(lengths)
    if symbols.size and (int(symbols.max()) >= len(lengths) or not lengths[symbols].all()):
        raise RangeError("huffman", "symbol", got="one that has no code", expected="symbols that were counted")
    widths = lengths[symbols].astype(np.int64)
    ends = np.cumsum(widths)
    bits = np.zeros(int(ends[-1]) if ends.size else 0, np.uint8)
    for place in range(int(widths.max()) if widths.size else 0):  # bit ``place`` of every code that has one
        has = widths > place
        value = codes[symbols[has]] >> (widths[has] - 1 - place).astype(np.uint16)
        bits[ends[has] - widths[has] + place] = (value & 1).astype(np.uint8)
    return np.packbits(bits)


def decode(data: NDArray[np.uint8], lengths: Lengths, count: int) -> NDArray[np.uint8]:
    """The ``count`` symbols that fill ``data``. Raises GraphError ``coded`` for lengths that make no code, more
    symbols than bits (before anything is allocated), codes that end behind the data, or bytes or bits left over."""
    check_lengths(lengths)
    if not 0 <= count <= 8 * len(data) or (count == 0) != (len(data) == 0):
        raise GraphError("coded", "huffman", "number of symbols", got=count, expected=f"1..{8 * len(data)}")
    if count == 0:
        return np.zeros(0, np.uint8)
    symbol_of, length_of = _tables(lengths)
    padded = np.concatenate([data, np.zeros(3, np.uint8)]).astype(np.uint32)
    words = (padded[:-2] << 16 | padded[1:-1] << 8 | padded[2:])[: len(data)]
    windows = (words[:, None] >> (8 - np.arange(8, dtype=np.uint32)) & 0xFFFF).reshape(-1)  # 16 bits from each bit on
    steps, at = length_of[windows].tolist(), 0
    starts: list[int] = []
    for _ in range(count):
        if at >= len(steps) or steps[at] == 0:
            raise GraphError("coded", "huffman", "codes", got=f"{len(starts)} of {count}", expected="data for all")
        starts.append(at)
        at += steps[at]
    if (at + 7) // 8 != len(data) or np.unpackbits(data)[at:].any():
        raise GraphError("coded", "huffman", "data", got=f"{8 * len(data)} bits", expected=f"{at}, then zeros")
    return np.asarray(symbol_of[windows[starts]])


def _tables(lengths: Lengths) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """By the next 16 bits: the symbol whose code they begin with, and its length; 0 where none does."""
    symbol_of = np.zeros(1 << MAX_LENGTH, np.uint8)
    length_of = np.zeros(1 << MAX_LENGTH, np.uint8)
    for symbol, (code, length) in enumerate(zip(canonical(lengths).tolist(), lengths.tolist(), strict=True)):
        if length:
            span = 1 << (MAX_LENGTH - length)
            symbol_of[code * span : (code + 1) * span] = symbol
            length_of[code * span : (code + 1) * span] = length
    return symbol_of, length_of
