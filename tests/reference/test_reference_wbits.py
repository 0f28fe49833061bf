"""Few-bit weights against plain loops and against bit planes; the float32 order of additions; codes; refusals."""

from __future__ import annotations

from itertools import product

import naive
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from naive import Window, random_signs

from xnorkit.errors import DTypeError, RangeError, ShapeError
from xnorkit.reference import codes, wbits

KINDS = st.sampled_from([("sum", 1), ("sum", 2), ("sum", 4), ("ternary", 2)])


def _pixels(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    return rng.integers(0, 256, shape, dtype=np.uint8)


def _floats(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    return (rng.standard_normal(shape) * 10.0 ** rng.integers(-3, 4, shape)).astype(np.float32)


@settings(max_examples=40)
@given(naive.windows(max_channels=5), KINDS, st.integers(1, 8), st.sampled_from(["unsigned", "signed"]))
def test_integers_equal_plain_loops_and_bit_planes(case: Window, kind: tuple[str, int], bits: int, values: str) -> None:
    levels, planes = kind
    x, w = case.draw(_pixels)
    signs = random_signs(np.random.default_rng(case.seed), (planes, *w.shape))
    arguments = {"levels": levels, "activation_bits": bits, "activation_levels": values, **case.geometry}
    got = wbits.wconv2d(x, signs, **arguments)
    weight = (signs[0] + signs[1]) // 2 if levels == "ternary" else sum(s * 2**i for i, s in enumerate(signs))
    q = np.minimum(x, 2**bits - 1).astype(np.int64)
    v = 2 * q - (2**bits - 1) if values == "signed" else q
    assert got.dtype == np.int32
    np.testing.assert_array_equal(got, naive.naive_conv(v, weight, case, 0, np.empty(got.shape, np.int64)))
    np.testing.assert_array_equal(got, wbits.wconv2d_bits(x, signs, **arguments))


@pytest.mark.parametrize(("levels", "planes"), [("sum", 1), ("sum", 3), ("ternary", 2)])
@pytest.mark.parametrize("channels", [1, 2, 4, 7, 9])
def test_floats_have_the_bits_of_plain_loops(levels: str, planes: int, channels: int) -> None:
    """Equal bytes: quads of channels first, an absent channel is +0."""
    rng, zero = np.random.default_rng(channels), np.float32(0)
    x, w = _floats(rng, (2, 4, 3, channels)), random_signs(rng, (planes, 5, 3, 2, channels))
    got = wbits.wconv2d(x, w, padding=(1, 0, 0, 1), stride=(2, 1), levels=levels)
    padded = np.pad(x, ((0, 0), (1, 0), (0, 1), (0, 0)))
    for n, y, z, o in np.ndindex(got.shape):
        sums = []
        for plane in w:
            acc = zero
            for i, j, first in product(range(3), range(2), range(0, channels, 4)):
                terms = [
                    padded[n, 2 * y + i, z + j, c] * plane[o, i, j, c] for c in range(first, min(first + 4, channels))
                ]
                a, b, c, d = (np.float32(t) for t in (*terms, zero, zero, zero)[:4])
                acc = acc + ((a + b) + (c + d))
            sums.append(acc)
        whole = sums[0]
        for i, s in enumerate(sums[1:], 1):
            whole = (whole + s) / np.float32(2) if levels == "ternary" else whole + np.float32(2**i) * s
        assert got[n, y, z, o].tobytes() == np.float32(whole).tobytes()


def test_dense_is_a_convolution_of_one_pixel() -> None:
    rng = np.random.default_rng(1)
    x, w = _pixels(rng, (3, 1, 1, 30)), random_signs(rng, (2, 7, 30))
    np.testing.assert_array_equal(wbits.wdense(x, w), wbits.wconv2d(x, w[:, :, None, None, :]))
    with pytest.raises(ShapeError):
        wbits.wdense(_pixels(rng, (3, 2, 1, 15)), w)


def test_refusals() -> None:
    x, w = np.zeros((1, 3, 3, 2), np.uint8), np.ones((1, 4, 3, 3, 2), np.int8)
    for bad in ({"levels": "ternary"}, {"levels": "log"}, {"activation_bits": 9}, {"activation_levels": "odd"}):
        with pytest.raises(RangeError):
            wbits.wconv2d(x, w, **bad)
    with pytest.raises(RangeError):
        wbits.wconv2d(x.astype(np.float32), w, activation_bits=2)
    with pytest.raises(RangeError):
        wbits.wconv2d(x, w * np.int8(2))
    with pytest.raises(RangeError):
        wbits.wconv2d(x, np.repeat(w, 5, axis=0))
    with pytest.raises(DTypeError):
        wbits.wconv2d(x.astype(np.int32), w)
    with pytest.raises(ShapeError):
        wbits.wconv2d(x, w[0])


def test_multithreshold_counts_and_flips() -> None:
    rng = np.random.default_rng(5)
    acc, t = rng.integers(-9, 9, (4, 6), np.int32), rng.integers(-9, 9, (6, 7), np.int32)
    flip = np.array([1, -1, 1, -1, 1, 1], np.int8)
    expected = [[sum(int(a >= k) if f > 0 else int(a < k) for k in row)
                 for a, row, f in zip(pixel, t, flip, strict=True)] for pixel in acc]  # fmt: skip
    np.testing.assert_array_equal(codes.multithreshold(acc, t, flip), expected)
    with pytest.raises(ShapeError):
        codes.multithreshold(acc, t[:5], flip)
    with pytest.raises(DTypeError):
        codes.multithreshold(acc.astype(np.int64), t, flip)


def test_quantize_is_dorefa_rounding_at_every_tie() -> None:
    x = np.array([[-np.inf, -0.0, 0.5, 0.49999997, 1.5, 2.0, np.inf, np.nan]], np.float32)
    one, half = np.ones(8, np.float32), np.full(8, 0.5, np.float32)
    assert codes.quantize(x, one, half, 2).tolist() == [[0, 0, 1, 1, 2, 2, 3, 0]]  # .49999997 + .5 rounds to 1
    with pytest.raises(ShapeError):
        codes.quantize(x, one[:3], half, 2)
