"""Thresholds: derived from a float expression, they agree with it at every integer."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from naive import random_signs

from xnorkit.errors import DTypeError, RangeError, ShapeError
from xnorkit.reference import bits, thresholds
from xnorkit.reference.conventions import sign

FINITE = st.floats(-1e4, 1e4, width=32)
GAMMA = st.one_of(FINITE, st.sampled_from([0.0, -0.0, 1e-38, -1e-38, 1e-45, 1e-7, -1e-7]))
CHANNEL = st.tuples(GAMMA, FINITE, st.floats(0, 1e4, width=32), GAMMA, st.one_of(FINITE, st.sampled_from([0.0, -0.0])))
EPS = np.float32(1e-5)


def _batch_norm(channels: list[tuple[float, ...]]):
    alpha, mean, var, gamma, beta = np.array(channels, np.float32).T
    return lambda s: (s * alpha - mean) / np.sqrt(var + EPS) * gamma + beta


@settings(max_examples=300)
@given(st.lists(CHANNEL, min_size=1, max_size=6), st.integers(-600, 600), st.integers(0, 600))
def test_batch_norm_sign_at_every_integer(channels: list[tuple[float, ...]], low: int, width: int) -> None:
    f, high = _batch_norm(channels), low + width
    threshold, flip = thresholds.derive(f, low, high, len(channels))
    acc = np.repeat(np.arange(low, high + 1, dtype=np.int32)[:, None], len(channels), axis=1)
    np.testing.assert_array_equal(thresholds.apply(acc, threshold, flip), sign(f(acc.astype(np.float32))))


def test_ties_land_where_float32_puts_them() -> None:
    """At s = 3, 3 * fl(1/3) - 1 rounds to exactly 0: sign(0) = +1; a real-number root of fl(1/3) lies above 3."""
    third = np.float32(1) / np.float32(3)
    real_root = 1 / float(third)
    threshold, _ = thresholds.derive(lambda s: s * third - np.float32(1), -9, 9, 1)
    below = np.float32(np.nextafter(third, np.float32(0)))
    later, _ = thresholds.derive(lambda s: s * below - np.float32(1), -9, 9, 1)
    assert real_root < 3 and threshold.tolist() == [3] and later.tolist() == [4]


def test_constant_channels_never_fall_below() -> None:
    f = lambda s: np.stack([s[:, 0] * 0, s[:, 1] * 0 - 1, np.full(len(s), -0.0)], axis=1)  # noqa: E731
    threshold, flip = thresholds.derive(f, -5, 5, 3)
    assert threshold.tolist() == [thresholds.NEVER_BELOW] * 3
    assert flip.tolist() == [1, -1, 1]
    extremes = np.array([[-(2**31)] * 3, [2**31 - 1] * 3], np.int32)
    assert thresholds.apply(extremes, threshold, flip).tolist() == [[1, -1, 1]] * 2


def test_the_whole_float32_exact_range() -> None:
    """Too many candidates to check all: the edge and a sample are."""
    edge = 8_388_611.0
    threshold, flip = thresholds.derive(lambda s: np.float32(edge) - s, -(2**24), 2**24, 3)
    assert threshold.tolist() == [8_388_612] * 3 and flip.tolist() == [-1] * 3


@given(st.integers(1, 40), st.integers(0, 2**32 - 1))
def test_packed_application_equals_the_one_by_meaning(channels: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    acc = rng.integers(-5, 6, (2, 3, 2, channels)).astype(np.int32)
    threshold, flip = rng.integers(-5, 6, channels).astype(np.int32), random_signs(rng, (channels,))
    by_meaning = thresholds.apply(acc, threshold, flip)
    np.testing.assert_array_equal(thresholds.apply_bits(acc, threshold, bits.pack(flip)), bits.pack(by_meaning))


def _spike(at: int):
    """Monotone but for one integer."""
    return lambda s: np.where(s == at, -1, 1) * (s + np.float32(0.5))


@pytest.mark.parametrize("at", [-100, -2, 1, 7, 100])
def test_a_function_that_is_not_monotone_is_refused(at: int) -> None:
    with pytest.raises(RangeError, match=r"channel 0.*monotone"):
        thresholds.derive(_spike(at), -100, 100, 1)


def test_a_spike_beside_the_edge_of_a_wide_range_is_found() -> None:
    with pytest.raises(RangeError, match="monotone"):
        thresholds.derive(_spike(9), -(2**24), 2**24, 2)


def test_nan_is_refused_by_channel() -> None:
    with np.errstate(invalid="ignore"), pytest.raises(RangeError, match=r"channel 1.*NaN"):
        thresholds.derive(lambda s: s * np.array([1, np.nan], np.float32), -3, 3, 2)
    with pytest.raises(RangeError, match="NaN"):  # at one inner candidate only
        thresholds.derive(lambda s: np.where(s == 2, np.nan, s), -3, 3, 1)


def test_infinite_values_have_a_sign() -> None:
    threshold, flip = thresholds.derive(lambda s: (s - np.float32(0.5)) * np.float32(np.inf), -4, 4, 1)
    assert threshold.tolist() == [1] and flip.tolist() == [1]


@pytest.mark.parametrize(
    ("call", "error"),
    [
        (lambda: thresholds.derive(lambda s: s, 3, 2, 1), RangeError),
        (lambda: thresholds.derive(lambda s: s, 0, 2**24 + 1, 1), RangeError),
        (lambda: thresholds.derive(lambda s: s, 0, 1, 0), RangeError),
        (lambda: thresholds.derive(lambda s: s[:, :1], 0, 1, 2), ShapeError),
        (lambda: thresholds.apply(np.zeros((1, 2)), np.zeros(2, np.int32), np.ones(2, np.int8)), DTypeError),
        (lambda: thresholds.apply(np.zeros((1, 2), np.int32), np.zeros(3, np.int32), np.ones(2, np.int8)), ShapeError),
        (lambda: thresholds.apply(np.zeros((1, 2), np.int32), np.zeros(2, np.int32), np.zeros(2, np.int8)), RangeError),
        (lambda: thresholds.apply(np.array(1, np.int32), np.zeros(1, np.int32), np.ones(1, np.int8)), ShapeError),
        (lambda: thresholds.apply_bits(np.zeros((1, 2), np.int32), np.zeros(2, np.int32), np.array([4], np.uint8)),
         RangeError),
    ],
)  # fmt: skip
def test_refusals(call, error) -> None:
    with pytest.raises(error, match=r"\[(threshold|bits)"):
        call()
