"""Pools: the worked example, loops, packed rows, borders."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from naive import random_signs

from xnorkit.errors import DTypeError, RangeError, ShapeError
from xnorkit.reference import bits, pooling, thresholds


@st.composite
def pools(draw: st.DrawFn) -> tuple[tuple[int, int, int, int], tuple]:
    """Shape ``(N, H, W, C)`` and (kernel, stride, padding)."""
    kernel = (draw(st.integers(1, 4)), draw(st.integers(1, 4)))
    padding = tuple(draw(st.integers(0, kernel[a % 2] - 1)) for a in range(4))
    least = [max(1, kernel[a] - padding[a] - padding[a + 2]) for a in range(2)]
    size = (draw(st.integers(least[0], least[0] + 5)), draw(st.integers(least[1], least[1] + 5)))
    stride = (draw(st.integers(1, 4)), draw(st.integers(1, 4)))
    return (draw(st.integers(1, 2)), *size, draw(st.integers(1, 20))), (kernel, stride, padding)


def _inside(x: np.ndarray, window: tuple, y: int, z: int) -> np.ndarray:
    """The pixels of the picture that window (y, z) covers, ``(N, kH', kW', C)``, in loops' order."""
    kernel, stride, padding = window
    top, left = y * stride[0] - padding[0], z * stride[1] - padding[1]
    return x[:, max(top, 0) : max(top + kernel[0], 0), max(left, 0) : max(left + kernel[1], 0)]


@settings(max_examples=150)
@given(pools(), st.sampled_from(["uint8", "int32", "float32", "int8"]), st.integers(0, 2**32 - 1))
def test_maximum_is_over_the_picture_only(drawn, dtype: str, seed: int) -> None:
    shape, window = drawn
    rng = np.random.default_rng(seed)
    x = random_signs(rng, shape) if dtype == "int8" else rng.integers(0, 256, shape)
    x = (x - 300 if dtype in ("int32", "float32") else x).astype(dtype)
    got = pooling.max_pool2d(x, *window)
    assert got.dtype == x.dtype
    for y, z in np.ndindex(*got.shape[1:3]):
        np.testing.assert_array_equal(got[:, y, z], _inside(x, window, y, z).max(axis=(1, 2)))


@settings(max_examples=150)
@given(pools(), st.booleans(), st.integers(0, 2**32 - 1))
def test_packed_rows_equal_the_meaning(drawn, flipped: bool, seed: int) -> None:
    shape, window = drawn
    rng = np.random.default_rng(seed)
    x, flip = random_signs(rng, shape), random_signs(rng, shape[-1:])
    by_meaning = pooling.max_pool2d(x, *window, flip=flip if flipped else None)
    by_bits = pooling.max_pool2d_bits(bits.pack(x), *window, flip=bits.pack(flip) if flipped else None)
    np.testing.assert_array_equal(bits.unpack(by_bits, shape[-1]), by_meaning)


@settings(max_examples=100)
@given(pools(), st.integers(0, 2**32 - 1))
def test_pool_then_threshold_is_threshold_then_flipped_pool(drawn, seed: int) -> None:
    """What lets the exporter pool bits instead of integers: a decreasing threshold turns maximum into minimum."""
    shape, window = drawn
    rng = np.random.default_rng(seed)
    acc = rng.integers(-9, 10, shape).astype(np.int32)
    threshold, flip = rng.integers(-9, 10, shape[-1]).astype(np.int32), random_signs(rng, shape[-1:])
    pool_first = thresholds.apply(pooling.max_pool2d(acc, *window), threshold, flip)
    pool_last = pooling.max_pool2d(thresholds.apply(acc, threshold, flip), *window, flip=flip)
    np.testing.assert_array_equal(pool_first, pool_last)


@settings(max_examples=100)
@given(pools(), st.booleans(), st.integers(0, 2**32 - 1))
def test_average_adds_in_tap_order_and_divides_once(drawn, count_include_pad: bool, seed: int) -> None:
    shape, window = drawn
    x = np.random.default_rng(seed).standard_normal(shape).astype(np.float32)
    got = pooling.avg_pool2d(x, *window, count_include_pad=count_include_pad)
    for y, z in np.ndindex(*got.shape[1:3]):
        pixels = _inside(x, window, y, z)
        total = np.zeros((shape[0], shape[3]), np.float32)
        for i, j in np.ndindex(*pixels.shape[1:3]):
            total = total + pixels[:, i, j]
        count = window[0][0] * window[0][1] if count_include_pad else pixels.shape[1] * pixels.shape[2]
        assert got[:, y, z].tobytes() == (total / np.float32(count)).tobytes()


def test_worked_example() -> None:
    x = np.array([[1, 1, 2, 4], [5, 6, 7, 8], [3, 2, 1, 0], [1, 2, 3, 4]], np.float32).reshape(1, 4, 4, 1)
    assert pooling.max_pool2d(x, (2, 2), (2, 2))[0, :, :, 0].tolist() == [[6, 8], [3, 4]]
    assert pooling.avg_pool2d(x, (2, 2), (2, 2))[0, :, :, 0].tolist() == [[3.25, 5.25], [2.0, 2.0]]
    assert pooling.global_avg_pool2d(x).tolist() == [[[[3.125]]]]


X = np.ones((1, 2, 2, 1), np.float32)


@pytest.mark.parametrize(
    ("call", "error"),
    [
        (lambda: pooling.max_pool2d(X, (2, 2), (1, 1), (2, 0, 0, 0)), ShapeError),
        (lambda: pooling.max_pool2d(X, (3, 1), (1, 1)), ShapeError),
        (lambda: pooling.max_pool2d(X, (2, 2), (0, 1)), RangeError),
        (lambda: pooling.max_pool2d(X.astype(np.float16), (2, 2), (1, 1)), DTypeError),
        (lambda: pooling.max_pool2d(X, (2, 2), (1, 1), flip=np.ones(1, np.int8)), DTypeError),
        (lambda: pooling.max_pool2d(X.astype(np.int8) * 0, (2, 2), (1, 1)), RangeError),
        (lambda: pooling.max_pool2d(X.astype(np.int8), (2, 2), (1, 1), flip=np.ones(2, np.int8)), ShapeError),
        (lambda: pooling.max_pool2d_bits(X.astype(np.int8), (2, 2), (1, 1)), DTypeError),
        (lambda: pooling.avg_pool2d(X.astype(np.int32), (2, 2), (1, 1)), DTypeError),
        (lambda: pooling.global_avg_pool2d(X[0]), ShapeError),
    ],
)
def test_refusals(call, error) -> None:
    with pytest.raises(error):
        call()
