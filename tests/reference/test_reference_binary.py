"""Binary convolution: loops == by meaning == by bits, over every geometry."""

from __future__ import annotations

import naive
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from naive import Window, random_signs

from xnorkit.errors import DTypeError, LimitError, RangeError, ShapeError
from xnorkit.reference import binary, bits
from xnorkit.reference.conventions import PAD_VALUES

PADS = st.sampled_from(PAD_VALUES)


@settings(max_examples=300)
@given(naive.windows(max_channels=70), PADS)
def test_by_meaning_equals_by_bits(case: Window, pad_value: int) -> None:
    x, w = case.draw(random_signs)
    meaning = binary.bconv2d(x, w, pad_value=pad_value, **case.geometry)
    by_bits = binary.bconv2d_bits(
        bits.pack(x), bits.pack(w), channels=case.channels, pad_value=pad_value, **case.geometry
    )
    assert meaning.dtype == by_bits.dtype == np.int32
    np.testing.assert_array_equal(meaning, by_bits)


@settings(max_examples=40)
@given(naive.windows(max_channels=3), PADS)
def test_by_meaning_equals_plain_loops(case: Window, pad_value: int) -> None:
    x, w = case.draw(random_signs)
    got = binary.bconv2d(x, w, pad_value=pad_value, **case.geometry)
    np.testing.assert_array_equal(got, naive.naive_conv(x, w, case, pad_value, np.empty(got.shape, np.int64)))


@given(st.integers(1, 3), st.integers(1, 130), st.integers(1, 20), st.integers(0, 2**32 - 1))
def test_dense_by_meaning_equals_by_bits(n: int, channels: int, outputs: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    x, w = random_signs(rng, (n, 1, 1, channels)), random_signs(rng, (outputs, channels))
    meaning = binary.bdense(x, w)
    np.testing.assert_array_equal(meaning, binary.bdense_bits(bits.pack(x), bits.pack(w), channels=channels))
    np.testing.assert_array_equal(meaning[:, 0, 0], x[:, 0, 0].astype(int) @ w.T.astype(int))


def test_many_images_are_the_same_as_one_by_one() -> None:
    """More patches than one block of images holds."""
    rng = np.random.default_rng(0)
    x, w = random_signs(rng, (70, 30, 30, 16)), random_signs(rng, (3, 3, 3, 16))
    together = binary.bconv2d(x, w, padding=(1, 1, 1, 1))
    alone = np.concatenate([binary.bconv2d(x[i : i + 1], w, padding=(1, 1, 1, 1)) for i in range(len(x))])
    np.testing.assert_array_equal(together, alone)


def test_an_empty_batch_stays_empty() -> None:
    out = binary.bconv2d(np.ones((0, 3, 3, 2), np.int8), np.ones((4, 3, 3, 2), np.int8))
    assert out.shape == (0, 1, 1, 4)


X, W = np.ones((1, 3, 3, 4), np.int8), np.ones((2, 3, 3, 4), np.int8)
BITS_X, BITS_W = bits.pack(X), bits.pack(W)


@pytest.mark.parametrize(
    ("call", "error"),
    [
        (lambda: binary.bconv2d(X[0], W), ShapeError),
        (lambda: binary.bconv2d(X, W[..., :3]), ShapeError),
        (lambda: binary.bconv2d(X, W, groups=3), ShapeError),
        (lambda: binary.bconv2d(X, W, groups=0), ShapeError),
        (lambda: binary.bconv2d(X[:, :2], W), ShapeError),
        (lambda: binary.bconv2d(X.astype(np.float32), W), DTypeError),
        (lambda: binary.bconv2d(X * 0, W), RangeError),
        (lambda: binary.bconv2d(X, W * 2), RangeError),
        (lambda: binary.bconv2d(X, W, pad_value=2), RangeError),
        (lambda: binary.bconv2d(X, W, stride=(0, 1)), RangeError),
        (lambda: binary.bconv2d(X, W, padding=(0, -1, 0, 0)), RangeError),
        (lambda: binary.bconv2d([[1]], W), DTypeError),
        (lambda: binary.bdense(X, W[:, 0, 0]), ShapeError),
        (lambda: binary.bdense(X[:, :1, :1], W[:, 0, 0, :3]), ShapeError),
        (lambda: binary.bconv2d_bits(BITS_X, BITS_W, channels=9), ShapeError),
        (lambda: binary.bconv2d_bits(BITS_X, BITS_W, channels=4, groups=3), ShapeError),
        (lambda: binary.bconv2d_bits(X, BITS_W, channels=4), DTypeError),
        (lambda: binary.bconv2d_bits(BITS_X | 16, BITS_W, channels=4), RangeError),
        (lambda: binary.bconv2d_bits(BITS_X, BITS_W, channels=4, pad_value=3), RangeError),
        (lambda: binary.bdense_bits(BITS_X, BITS_W[:, 0, 0], channels=4), ShapeError),
    ],
)
def test_refusals(call, error) -> None:
    with pytest.raises(error, match=r"\[(bconv2d|bdense|window|bits)"):
        call()


def test_an_accumulator_beyond_int32_is_refused_before_it_is_computed() -> None:
    from xnorkit.reference import integer

    with pytest.raises(LimitError, match="accumulator"):
        integer.integer_dense("bdense", np.ones((1, 1, 1, 1), np.int8), np.ones((1, 1), np.int8), 1 << 31)
