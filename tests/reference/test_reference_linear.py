"""Integer and float convolutions against plain loops, bit for bit; the worked example; refusals."""

from __future__ import annotations

import naive
import numpy as np
import pytest
from hypothesis import given, settings
from naive import Window

from xnorkit.errors import DTypeError, LimitError, RangeError, ShapeError
from xnorkit.reference import linear


def _pixels(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    return rng.integers(0, 256, shape, dtype=np.uint8)


def _floats(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    return (rng.standard_normal(shape) * 10.0 ** rng.integers(-3, 4, shape)).astype(np.float32)


@settings(max_examples=40)
@given(naive.windows(max_channels=3))
def test_qconv2d_equals_plain_loops(case: Window) -> None:
    x, w = case.draw(_pixels)
    w = (w.astype(np.int16) - 128).clip(-127, 127).astype(np.int8)
    got = linear.qconv2d(x, w, **case.geometry)
    assert got.dtype == np.int32
    np.testing.assert_array_equal(got, naive.naive_conv(x, w, case, 0, np.empty(got.shape, np.int64)))


@settings(max_examples=40)
@given(naive.windows(max_channels=3))
def test_conv2d_has_the_bits_of_plain_loops(case: Window) -> None:
    """Equal bytes, not close numbers: one order of additions, two roundings per product."""
    x, w = case.draw(_floats)
    bias = _floats(np.random.default_rng(case.seed + 1), (w.shape[0],))
    got = linear.conv2d(x, w, bias, **case.geometry)
    expected = naive.naive_conv(x, w, case, 0, np.empty(got.shape, np.float32)) + bias
    assert got.dtype == np.float32
    assert got.tobytes() == expected.tobytes()


def test_conv2d_over_many_images_equals_one_by_one() -> None:
    rng = np.random.default_rng(3)
    x, w = _floats(rng, (90, 20, 20, 2)), _floats(rng, (8, 3, 3, 2))
    alone = np.concatenate([linear.conv2d(x[i : i + 1], w) for i in range(len(x))])
    assert linear.conv2d(x, w).tobytes() == alone.tobytes()


@pytest.mark.parametrize("convolve", [linear.qconv2d, linear.conv2d])
def test_worked_example(convolve) -> None:
    """[[1, 2], [3, 4]] padded by 1, the same filter, stride 2."""
    dtypes = (np.uint8, np.int8) if convolve is linear.qconv2d else (np.float32, np.float32)
    x = np.array([[1, 2], [3, 4]], dtypes[0]).reshape(1, 2, 2, 1)
    w = np.array([[1, 2], [3, 4]], dtypes[1]).reshape(1, 2, 2, 1)
    assert convolve(x, w, stride=(2, 2), padding=(1, 1, 1, 1))[0, :, :, 0].tolist() == [[4, 6], [6, 4]]


@pytest.mark.parametrize("inputs", [500, 600, 66_000])
def test_qdense_is_exact_at_its_largest_sums(inputs: int) -> None:
    """Below 2^24 (float32), beyond it (float64), and near the end of int32."""
    x, w = np.full((1, 1, 1, inputs), 255, np.uint8), np.full((2, inputs), 127, np.int8)
    x[..., -1] = 254
    w[1] = -127
    total = 255 * 127 * inputs - 127
    assert linear.qdense(x, w).tolist() == [[[[total, -total]]]]


def test_qdense_reads_signs() -> None:
    x = np.array([1, -1, -1], np.int8).reshape(1, 1, 1, 3)
    assert linear.qdense(x, np.array([[5, 7, -127]], np.int8)).item() == 125


def test_dense_adds_in_channel_order() -> None:
    """1e8 + 1 - 1e8: the 1 is lost only in this order."""
    x = np.array([1e8, 1, -1e8, 1], np.float32).reshape(1, 1, 1, 4)
    ones, bias = np.ones((1, 4), np.float32), np.array([0.25], np.float32)
    assert linear.dense(x, ones).item() == 1.0
    assert linear.dense(x[..., [0, 2, 1, 3]], ones, bias).item() == 2.25


def test_bfloat16_rounds_to_nearest_even() -> None:
    bits = np.array([0x3F808000, 0x3F818000, 0x3F808001, 0x00000001, 0x80000000], np.uint32).view(np.float32)
    assert [hex(v) for v in linear.bfloat16(bits)] == ["0x3f80", "0x3f82", "0x3f81", "0x0", "0x8000"]
    every = np.arange(1 << 16, dtype=np.uint32).astype(np.uint16)
    finite = every[np.isfinite(linear.from_bfloat16(every))]
    np.testing.assert_array_equal(linear.bfloat16(linear.from_bfloat16(finite)), finite)


@pytest.mark.parametrize("value", [np.nan, np.inf, 3.4e38])
def test_bfloat16_refuses_what_it_cannot_hold(value: float) -> None:
    with pytest.raises(RangeError, match="bfloat16"):
        linear.bfloat16(np.array([value], np.float32))


def test_dense_i8_scales_the_sum_and_not_the_weights() -> None:
    """10 * fl(0.1) is 1 in float32; ten roundings of 0.1 are not."""
    x, w = np.ones((1, 1, 1, 10), np.float32), np.ones((1, 10), np.int8)
    scale = np.array([0.1], np.float32)
    assert linear.dense_i8(x, w, scale).item() == 1.0
    assert linear.dense(x, w * scale).item() != 1.0
    assert linear.dense_i8(-x * 0, w, -scale).item().hex() == "0x0.0p+0"


XQ, WQ = np.ones((1, 3, 3, 2), np.uint8), np.ones((4, 3, 3, 2), np.int8)
XF, WF = XQ.astype(np.float32), WQ.astype(np.float32)


@pytest.mark.parametrize(
    ("call", "error"),
    [
        (lambda: linear.qconv2d(XF, WQ), DTypeError),
        (lambda: linear.qconv2d(XQ, WF), DTypeError),
        (lambda: linear.qconv2d(XQ, WQ * np.int8(-128)), RangeError),
        (lambda: linear.qconv2d(XQ, WQ[:, :, :, :1]), ShapeError),
        (lambda: linear.qdense(XQ, WQ[:, 0, 0]), ShapeError),
        (lambda: linear.qdense(XQ[:, :1, :1].astype(np.int8) * 0, WQ[:, 0, 0]), RangeError),
        (lambda: linear.qdense(np.ones((1, 1, 1, 66_312), np.uint8), np.ones((1, 66_312), np.int8)), LimitError),
        (lambda: linear.conv2d(XF.astype(np.float64), WF), DTypeError),
        (lambda: linear.conv2d(XF, WF, np.zeros(3, np.float32)), ShapeError),
        (lambda: linear.conv2d(XF, WF, np.zeros(4)), DTypeError),
        (lambda: linear.conv2d(XF, WF, dilation=(2, 1)), ShapeError),
        (lambda: linear.dense(XF[:, :1, :1], WF[:, 0, 0, :1]), ShapeError),
        (lambda: linear.dense_bf16(XF[:, :1, :1], WF[:, 0, 0]), DTypeError),
        (lambda: linear.dense_i8(XF[:, :1, :1], WQ[:, 0, 0], np.ones(3, np.float32)), ShapeError),
        (lambda: linear.dense_i8(XF[:, :1, :1], WF[:, 0, 0], np.ones(4, np.float32)), DTypeError),
    ],
)
def test_refusals(call, error) -> None:
    with pytest.raises(error, match=r"\[(qconv2d|qdense|conv2d|dense|dense_i8|from_bfloat16|window)"):
        call()
