"""Codes of small integers: what goes in comes out, hand vectors, and what is refused before memory is taken."""

from __future__ import annotations

import heapq
from itertools import pairwise, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from xnorkit.errors import GraphError, RangeError
from xnorkit.reference.codecs import huffman
from xnorkit.reference.codecs.fields import field_bytes, pack_fields, unpack_fields
from xnorkit.reference.codecs.gaps import decode_gaps, encode_gaps

BYTES = hnp.arrays(np.uint8, st.integers(0, 300), elements=st.integers(0, 255))


@given(BYTES, st.integers(1, 8))
def test_fields_come_back(values: np.ndarray, width: int) -> None:
    values = values & ((1 << width) - 1)
    data = pack_fields(values, width)
    assert len(data) == field_bytes(len(values), width)
    assert np.array_equal(unpack_fields(data, width, len(values)), values)


@given(st.sets(st.integers(0, 5000), max_size=60), st.integers(1, 8))
def test_places_come_back_between_fillers(places: set[int], width: int) -> None:
    row = np.array(sorted(places), np.int64)
    coded = encode_gaps(row, width)
    size = int(row[-1]) + 1 if len(row) else 0
    found = decode_gaps(coded.gaps, size)
    assert np.array_equal(found[~coded.filler], row)
    assert np.array_equal(coded.gaps[coded.filler], np.full(coded.filler.sum(), (1 << width) - 1))
    assert not set(found[coded.filler].tolist()) & places and np.all(np.diff(found) > 0)


def test_a_gap_as_wide_as_its_field_needs_no_filler() -> None:
    assert encode_gaps(np.array([7]), 3).gaps.tolist() == [7]
    assert encode_gaps(np.array([8]), 3).gaps.tolist() == [7, 0]
    assert decode_gaps(np.array([7, 0], np.uint8), 9).tolist() == [7, 8]


def _optimal_bits(counts: np.ndarray) -> int:
    """Bits of Huffman's own construction, of any length of code."""
    heap = [int(c) for c in counts if c]
    heapq.heapify(heap)
    total = heap[0] if len(heap) == 1 else 0
    while len(heap) > 1:
        pair = heapq.heappop(heap) + heapq.heappop(heap)
        total += pair
        heapq.heappush(heap, pair)
    return total


@given(hnp.arrays(np.int64, st.integers(1, 256), elements=st.integers(0, 1000)))
def test_lengths_are_optimal_where_16_bits_suffice(counts: np.ndarray) -> None:
    lengths = huffman.code_lengths(counts)
    huffman.check_lengths(lengths)
    assert np.array_equal(lengths > 0, counts > 0)
    if counts.any():
        assert int((counts * lengths).sum()) == _optimal_bits(counts)


def test_lengths_stay_at_16_where_the_best_would_be_longer() -> None:
    fibonacci = [1, 1]
    while len(fibonacci) < 40:
        fibonacci.append(fibonacci[-1] + fibonacci[-2])
    lengths = huffman.code_lengths(np.array(fibonacci))
    huffman.check_lengths(lengths)
    assert lengths.max() == huffman.MAX_LENGTH


@settings(max_examples=40)
@given(hnp.arrays(np.int64, st.integers(2, 6), elements=st.integers(1, 1000)))
def test_short_codes_are_the_best_of_all_that_there_are(counts: np.ndarray) -> None:
    """Against every row of lengths up to 3 that makes a code."""
    found = huffman.code_lengths(counts, limit=3)
    rows = np.array(list(product((1, 2, 3), repeat=len(counts))))
    codes = rows[(0.5**rows).sum(1) <= 1]
    assert found.max() <= 3 and int((counts * found).sum()) == int((codes * counts).sum(1).min())


@settings(max_examples=60)
@given(BYTES, st.integers(1, 256))
def test_symbols_come_back(symbols: np.ndarray, kinds: int) -> None:
    symbols = (symbols.astype(np.int64) % kinds).astype(np.uint8)
    lengths = huffman.code_lengths(np.bincount(symbols, minlength=kinds))
    data = huffman.encode(symbols, lengths)
    assert len(data) == (int(lengths[symbols].sum()) + 7) // 8
    assert np.array_equal(huffman.decode(data, lengths, len(symbols)), symbols)


def test_no_code_begins_another() -> None:
    lengths = huffman.code_lengths(np.random.default_rng(0).zipf(1.4, 90) % 10_000)
    codes = sorted(f"{c:0{n}b}" for c, n in zip(huffman.canonical(lengths), lengths, strict=True) if n)
    assert not any(b.startswith(a) for a, b in pairwise(codes))


FOUR = np.array([1, 3, 3, 2], np.uint8)


@pytest.mark.parametrize(
    ("data", "lengths", "count"),
    [
        ([76], [1, 3, 3, 3], 4),  # too few codes
        ([76], [1, 1, 1, 2], 4),  # too many
        ([76], [17, 1, 1], 4),
        ([0], [2], 4),  # one symbol of two bits
        ([76], FOUR, 9),  # more symbols than bits
        ([76], FOUR, -1),
        ([], FOUR, 1),
        ([76], FOUR, 0),
        ([76, 0], FOUR, 4),  # a byte left over
        ([77], FOUR, 4),  # a bit left over
        ([255], FOUR, 3),  # the last code ends behind the data
        ([255], [1], 3),  # no code begins with 1
    ],
)
def test_what_is_no_code_is_refused(data: list[int], lengths: list[int], count: int) -> None:
    with pytest.raises(GraphError) as refused:
        huffman.decode(np.array(data, np.uint8), np.array(lengths, np.uint8), count)
    assert refused.value.reason == "coded"


def test_a_bomb_is_refused_before_memory_is_taken() -> None:
    with pytest.raises(GraphError, match="number of symbols"):
        huffman.decode(np.zeros(1, np.uint8), FOUR, 1 << 60)


@pytest.mark.parametrize(("data", "width", "count"), [([1, 2], 8, 1), ([1], 8, 2), ([255], 2, 3), ([1], 1, 0)])
def test_fields_of_another_length_are_refused(data: list[int], width: int, count: int) -> None:
    with pytest.raises(GraphError):
        unpack_fields(np.array(data, np.uint8), width, count)


def test_places_behind_the_last_weight_are_refused() -> None:
    with pytest.raises(GraphError, match="place"):
        decode_gaps(np.array([3, 3], np.uint8), 7)


def test_encoders_refuse_what_they_cannot_hold() -> None:
    for call in (
        lambda: pack_fields(np.array([4], np.uint8), 2),
        lambda: pack_fields(np.array([1], np.uint8), 9),
        lambda: encode_gaps(np.array([3, 3]), 2),
        lambda: encode_gaps(np.array([1]), 0),
        lambda: huffman.code_lengths(np.zeros(257, np.int64)),
        lambda: huffman.code_lengths(np.array([1, -1])),
        lambda: huffman.encode(np.array([9], np.uint8), FOUR),
    ):
        with pytest.raises(RangeError):
            call()
