"""Shapes and bounds: limits hold at their last value and refuse the next."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from xnorkit.errors import LimitError, RangeError, ShapeError
from xnorkit.reference import bounds, shapes
from xnorkit.reference.shapes import TensorType

AXIS = st.tuples(*(st.integers(1, 9) for _ in range(4)), st.integers(0, 4), st.integers(0, 4))


@given(AXIS, AXIS)
def test_window_output_counts_positions(first, second) -> None:
    (h, kh, sh, dh, top, bottom), (w, kw, sw, dw, left, right) = first, second
    counts = [len(range(0, n + p - (d * (k - 1) + 1) + 1, s))
              for n, k, s, d, p in ((h, kh, sh, dh, top + bottom), (w, kw, sw, dw, left + right))]  # fmt: skip
    arguments = ((h, w), (kh, kw), (sh, sw), (top, left, bottom, right), (dh, dw))
    if 0 in counts:
        with pytest.raises(ShapeError, match="padded input"):
            shapes.window_output(*arguments)
    else:
        assert shapes.window_output(*arguments) == tuple(counts)


@pytest.mark.parametrize("what", ["kernel", "stride", "padding", "dilation"])
def test_window_limits(what: str) -> None:
    given = {"kernel": (1, 1), "stride": (1, 1), "padding": (0, 0, 0, 0), "dilation": (1, 1)}
    for wrong in (-1, shapes.MAX_DIM + 1) + ((0,) if what != "padding" else ()):
        with pytest.raises(RangeError, match=what):
            shapes.window_output((5, 5), **given | {what: (wrong, *given[what][1:])})


def test_elements_limit() -> None:
    assert shapes.checked_product((1 << 16, (1 << 15) - 1)) == ((1 << 15) - 1) << 16
    with pytest.raises(LimitError):
        shapes.checked_product((1 << 16, 1 << 15))
    with pytest.raises(LimitError):
        TensorType("u8", (65_535, 65_535, 1))


@pytest.mark.parametrize(
    ("dtype", "shape"), [("i64", (1, 1, 1)), ("u8", (1, 1)), ("u8", (1, 0, 1)), ("u8", (1, -1, 1))]
)
def test_types_refuse(dtype: str, shape: tuple) -> None:
    with pytest.raises(ShapeError):
        TensorType(dtype, shape)


def test_number_types_hold_up_to_their_bound_and_not_beyond() -> None:
    for holds, last in ((bounds.fits_int16, np.iinfo(np.int16).max), (bounds.fits_int32, np.iinfo(np.int32).max)):
        assert holds(int(last)) and not holds(int(last) + 1)
    assert bounds.float32_exact(2**24) and not bounds.float32_exact(2**24 + 1)
    assert np.float32(2**24) - 1 == 2**24 - 1 and np.float32(2**24 + 1) == 2**24
    assert [bounds.blas_dtype("t", b) for b in (2**24, 2**24 + 1)] == ["float32", "float64"]
    assert [bounds.accumulator_dtype(b) for b in (2**15 - 1, 2**15)] == ["int16", "int32"]


@given(st.integers(1, 4), st.integers(1, 6), st.integers(-9, 9), st.integers(0, 9), st.integers(0, 2**32 - 1))
def test_accumulator_range_is_reached_and_never_left(
    outputs: int, inputs: int, low: int, width: int, seed: int
) -> None:
    rng, high = np.random.default_rng(seed), low + width
    w = rng.integers(-127, 128, (outputs, inputs)).astype(np.int8)
    least, greatest = bounds.accumulator_range(w, low, high)
    corners = np.array(np.meshgrid(*[[low, high]] * inputs)).reshape(inputs, -1)
    sums = w.astype(int) @ corners
    np.testing.assert_array_equal(least, sums.min(axis=1))
    np.testing.assert_array_equal(greatest, sums.max(axis=1))
    bound = bounds.accumulator_bound(inputs, max(abs(low), abs(high)), 127)
    assert np.abs(sums).max() <= bound


@pytest.mark.parametrize(
    ("call", "error"),
    [
        (lambda: bounds.accumulator_bound(-1), RangeError),
        (lambda: bounds.accumulator_dtype(2**31), LimitError),
        (lambda: bounds.require_int32("qdense", 2**31), LimitError),
        (lambda: bounds.require_float32_exact("bdense", 2**24 + 1), LimitError),
        (lambda: bounds.accumulator_range(np.ones((1, 1), np.int8), 1, 0), RangeError),
    ],
)
def test_refusals(call, error) -> None:
    with pytest.raises(error):
        call()
