"""Packing: round trips over any shape, the bit convention, refusals."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from naive import random_signs

from xnorkit.errors import DTypeError, RangeError, ShapeError
from xnorkit.reference import bits

SIGNS = hnp.arrays(np.int8, hnp.array_shapes(min_dims=1, max_dims=4, max_side=19), elements=st.sampled_from([-1, 1]))


@given(SIGNS)
def test_rows_round_trip(x: np.ndarray) -> None:
    packed = bits.pack(x)
    assert packed.shape == (*x.shape[:-1], -(-x.shape[-1] // 8))
    np.testing.assert_array_equal(bits.unpack(packed, x.shape[-1]), x)


@given(SIGNS)
def test_flat_round_trip_holds_one_bit_a_value(x: np.ndarray) -> None:
    packed = bits.pack_flat(x)
    assert packed.nbytes == -(-x.size // 8)
    np.testing.assert_array_equal(bits.unpack_flat(packed, x.shape), x)


@given(SIGNS)
def test_bit_c_mod_8_of_byte_c_div_8_is_one_for_minus_one(x: np.ndarray) -> None:
    row, packed = x.reshape(-1), bits.pack_flat(x)
    for c, value in enumerate(row.tolist()):
        assert (int(packed[c // 8]) >> (c % 8)) & 1 == (value == -1)


@given(SIGNS, SIGNS)
def test_dot_is_n_minus_twice_popcount(a: np.ndarray, b: np.ndarray) -> None:
    n = min(a.size, b.size)
    a, b = a.reshape(-1)[:n], b.reshape(-1)[:n]
    dot = n - 2 * bits.popcount(bits.pack(a) ^ bits.pack(b))
    assert dot == np.dot(a.astype(int), b.astype(int))


@given(st.integers(1, 70), st.data())
def test_slices_of_channels_start_anywhere(channels: int, data: st.DataObject) -> None:
    begin = data.draw(st.integers(0, channels - 1))
    count = data.draw(st.integers(1, channels - begin))
    x = random_signs(np.random.default_rng(channels), (2, 3, channels))
    sliced = bits.slice_channels(bits.pack(x), begin, count)
    np.testing.assert_array_equal(sliced, bits.pack(x[..., begin : begin + count]))


def test_popcount_table_counts_ones() -> None:
    assert bits.POPCOUNT.tolist() == [bin(i).count("1") for i in range(256)]


@pytest.mark.parametrize(
    ("call", "error"),
    [
        (lambda: bits.pack(np.array([0, 1], np.int8)), RangeError),
        (lambda: bits.pack(np.array([1.0, -1.0])), DTypeError),
        (lambda: bits.pack(np.ones((3, 0), np.int8)), ShapeError),
        (lambda: bits.pack(np.ones((), np.int8)), ShapeError),
        (lambda: bits.unpack(np.zeros(2, np.int8), 9), DTypeError),
        (lambda: bits.unpack(np.zeros(2, np.uint8), 8), ShapeError),
        (lambda: bits.unpack(np.array([8], np.uint8), 3), RangeError),
        (lambda: bits.unpack(np.zeros(0, np.uint8), 0), RangeError),
        (lambda: bits.unpack_flat(np.zeros(2, np.uint8), (3, 3, 3)), ShapeError),
        (lambda: bits.unpack_flat(np.zeros((1, 1), np.uint8), (8,)), ShapeError),
        (lambda: bits.unpack_flat(np.array([0, 2], np.uint8), (3, 3)), RangeError),
    ],
)
def test_refusals(call, error) -> None:
    with pytest.raises(error, match=r"\[(unpack|pack|bits)"):
        call()
