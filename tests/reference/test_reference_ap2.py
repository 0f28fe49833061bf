"""AP2: the vectors of the literature, exactness beside sqrt(2), and its laws."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from xnorkit.nn.ap2 import ap2 as ap2_torch
from xnorkit.reference.ap2 import ap2, shift_product
from xnorkit.reference.optimizers import glorot_scale, scaled_clipped

VECTORS = [
    (0.0, 0.0),
    (1.5, 2.0),
    (1.4142, 1.0),
    (0.3, 0.25),
    (-5.0, -4.0),
    (3.0, 4.0),
    (-1.0, -1.0),
    (2.0**-140, 2.0**-140),
]
IMPLEMENTATIONS = {
    "numpy": ap2,
    "torch": lambda x: ap2_torch(torch.from_numpy(np.atleast_1d(x))).numpy().reshape(np.shape(x)),
}


@pytest.mark.parametrize("name", IMPLEMENTATIONS)
@pytest.mark.parametrize("kind", [np.float32, np.float64])
@pytest.mark.parametrize(("x", "expected"), VECTORS)
def test_vectors(name: str, kind: type, x: float, expected: float) -> None:
    found = IMPLEMENTATIONS[name](np.array([x], kind))
    assert found.dtype == kind and found.tolist() == [expected]


@pytest.mark.parametrize("name", IMPLEMENTATIONS)
@pytest.mark.parametrize("kind", [np.float32, np.float64])
@pytest.mark.parametrize("exponent", [-30, -1, 0, 1, 17])
def test_numbers_next_to_the_root_of_two_fall_to_their_own_side(name: str, kind: type, exponent: int) -> None:
    """The border of x = m 2^e is m^2 = 2: decided with fractions here, on the five floats around it."""
    near = np.array([math.sqrt(2) * 2.0**exponent], kind)
    for _ in range(2):
        near = np.concatenate([np.nextafter(near[:1], kind(0)), near, np.nextafter(near[-1:], kind(np.inf))])
    expected = [2.0 ** (exponent + (Fraction(float(x)) ** 2 > 2 * Fraction(4) ** exponent)) for x in near]
    assert len(set(expected)) == 2
    assert IMPLEMENTATIONS[name](near).tolist() == expected


@given(st.floats(allow_nan=False, allow_infinity=False, allow_subnormal=True, width=64))
def test_law(x: float) -> None:
    """A power of two of x's sign, within a factor sqrt(2); powers of two stay; both implementations agree."""
    found = float(ap2(np.array(x)))
    assert found == float(ap2_torch(torch.tensor([x], dtype=torch.float64))[0])
    if x == 0:
        assert found == 0
        return
    assert math.isinf(found) or math.frexp(abs(found))[0] == 0.5
    assert math.copysign(1, found) == math.copysign(1, x)
    if not math.isinf(found):
        assert Fraction(found) ** 2 < 2 * Fraction(x) ** 2 and Fraction(x) ** 2 < 2 * Fraction(found) ** 2
        assert float(ap2(np.array(found))) == found


@given(st.floats(1e-100, 1e100))
def test_the_inverse_of_a_power_is_the_power_of_the_inverse(x: float) -> None:
    one = Fraction(1) / Fraction(float(ap2(np.array(x))))
    assert one**2 < 2 / Fraction(x) ** 2 and 1 / Fraction(x) ** 2 < 2 * one**2


def test_special_values_stay() -> None:
    x = np.array([np.inf, -np.inf, np.nan])
    assert np.array_equal(ap2(x), x, equal_nan=True)
    assert np.array_equal(ap2_torch(torch.from_numpy(x)).numpy(), x, equal_nan=True)


def test_shift_product_moves_the_exponent_only() -> None:
    x = np.array([3.0, -7.0, 1.25])
    assert shift_product(x, np.array([0.3, -5.0, 0.0])).tolist() == [0.75, 28.0, 0.0]


def test_glorot_scale_counts_taps_in_both_fans() -> None:
    assert glorot_scale((8, 4, 3, 3)) == pytest.approx(math.sqrt((4 * 9 + 8 * 9) / 1.5), rel=1e-15)
    assert glorot_scale((10, 500)) == pytest.approx(math.sqrt(510 / 1.5), rel=1e-15)


def test_scaled_step_then_clip() -> None:
    w, updated = np.array([0.5, -0.9, 0.0]), np.array([0.6, -1.0, -0.1])
    assert scaled_clipped(w, updated, 4.0).tolist() == pytest.approx([0.9, -1.0, -0.4])
    assert scaled_clipped(w, updated, 4.0, None).tolist() == pytest.approx([0.9, -1.3, -0.4])
