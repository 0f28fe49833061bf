"""Thresholds of codes: derived from a float expression, they agree with it at every integer."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xnorkit.errors import RangeError, ShapeError
from xnorkit.reference import codes

CHANNEL = st.tuples(st.one_of(st.floats(-3, 3, width=32), st.sampled_from([0.0, -0.0, 2.0**-140])),
                    st.floats(-40, 40, width=32))  # fmt: skip


@settings(max_examples=200, deadline=None)
@given(st.lists(CHANNEL, min_size=1, max_size=5), st.integers(-300, 300), st.integers(0, 300), st.integers(1, 6))
def test_codes_at_every_integer(channels: list[tuple[float, float]], low: int, width: int, bits: int) -> None:
    scale, bias = np.array(channels, np.float32).T
    f = lambda s: np.clip(np.floor(s * scale + bias), 0, (1 << bits) - 1)  # noqa: E731
    threshold, flip = codes.derive(f, low, low + width, len(channels), bits)
    assert threshold.shape == (len(channels), (1 << bits) - 1)
    acc = np.repeat(np.arange(low, low + width + 1, dtype=np.int32)[:, None], len(channels), axis=1)
    np.testing.assert_array_equal(codes.multithreshold(acc, threshold, flip), f(acc.astype(np.float32)))


def test_ties_land_where_float32_puts_them() -> None:
    """fl(3 t) decides: t = fl(1/3) gives 1, a unit of the last place less gives less."""
    third = np.float32(1) / np.float32(3)
    below = np.nextafter(third, np.float32(0))
    edges = [codes.derive(lambda s, t=t: np.clip(np.floor(s * t), 0, 1), -9, 9, 1, 1)[0].item() for t in (third, below)]
    assert edges == [3, 4]


def test_levels_that_are_never_reached_or_always_there() -> None:
    f = lambda s: np.stack([s[:, 0] * 0 + 1, s[:, 1] * 0 + 3, s[:, 2] * 0], axis=1)  # noqa: E731
    threshold, flip = codes.derive(f, -5, 5, 3, 2)
    a, n = codes.ALWAYS, codes.NEVER
    assert threshold.tolist() == [[a, n, n], [a, a, a], [n, n, n]] and flip.tolist() == [1, 1, 1]
    extremes = np.array([[-(2**31) + 1] * 3, [2**31 - 2] * 3], np.int32)
    assert codes.multithreshold(extremes, threshold, flip).tolist() == [[1, 3, 0]] * 2


def test_a_range_too_wide_to_check_whole_is_checked_at_its_edges() -> None:
    f = lambda s: np.clip(np.floor((np.float32(8_388_611) - s) / 4), 0, 3)  # noqa: E731
    threshold, flip = codes.derive(f, -(2**24), 2**24, 2, 2)
    assert threshold.tolist() == [[8_388_608, 8_388_604, 8_388_600]] * 2 and flip.tolist() == [-1, -1]


@pytest.mark.parametrize(("f", "message"), [
    (lambda s: (np.abs(s) < 3) * 1.0, "monotone"),
    (lambda s: s * np.nan, "NaN"),
])  # fmt: skip
def test_expressions_without_thresholds_are_refused(f, message: str) -> None:
    with pytest.raises(RangeError, match=message):
        codes.derive(f, -9, 9, 2, 1)


def test_wrong_ranges_and_shapes_are_refused() -> None:
    with pytest.raises(RangeError, match="accumulator range"):
        codes.derive(lambda s: s, 0, 2**24 + 1, 1, 1)
    with pytest.raises(ShapeError, match="result of the expression"):
        codes.derive(lambda s: s[:, :1], 0, 9, 2, 1)
