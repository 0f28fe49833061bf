"""The formula of XNOR-Net's section 4.1, by counting operations and by the paper's figures."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xnorkit.errors import RangeError
from xnorkit.reference.operations import theoretical_speedup

SIZES = st.integers(1, 4096)


@given(SIZES, SIZES, SIZES, SIZES)
def test_it_is_the_ratio_of_operations_whatever_the_picture(channels: int, window: int, word: int, pixels: int) -> None:
    real = channels * window * pixels
    assert theoretical_speedup(channels, window, word) == pytest.approx(real / (real / word + pixels))


@pytest.mark.parametrize(("channels", "window", "expected"), [(256, 9, 62.27), (3, 1, 2.87), (3, 9, 18.99),
                                                               (64, 9, 57.6), (512, 9, 63.12)])  # fmt: skip
def test_figures_of_the_paper(channels: int, window: int, expected: float) -> None:
    assert theoretical_speedup(channels, window) == pytest.approx(expected, abs=0.005 if expected != 57.6 else 0.05)


def test_nothing_below_one() -> None:
    with pytest.raises(RangeError, match="channels"):
        theoretical_speedup(0, 9)
