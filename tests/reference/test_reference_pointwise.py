"""Batch norm and activations: fold agrees with the formula, training statistics, edges of float32."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from xnorkit.errors import DTypeError, RangeError, ShapeError
from xnorkit.reference import activations, norm

FLOATS = hnp.arrays(np.float32, st.integers(1, 50), elements=st.floats(width=32, allow_nan=False))


def _parameters(channels: int, seed: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    draw = {"mean": rng.normal(0, 5, channels), "var": rng.uniform(0.01, 9, channels),
            "gamma": rng.normal(0, 2, channels), "beta": rng.normal(0, 2, channels)}  # fmt: skip
    return {name: value.astype(np.float32) for name, value in draw.items()}


@given(st.integers(1, 9), st.integers(0, 2**32 - 1))
def test_folded_affine_is_batch_norm_within_float32(channels: int, seed: int) -> None:
    p = _parameters(channels, seed)
    x = np.random.default_rng(seed).integers(-500, 500, (2, 3, 2, channels)).astype(np.int32)
    scale, bias = norm.fold(**p, eps=1e-5)
    direct, folded = norm.batch_norm(x, **p, eps=1e-5), activations.affine(x, scale, bias)
    # Rounding scale, the product and the sum: each at most half an ulp of |x * scale| or |bias|, twice for bias.
    bound = 2.0**-23 * (2 * np.abs(x * scale.astype(np.float64)) + 2 * np.abs(bias) + np.abs(direct))
    assert (np.abs(direct.astype(np.float64) - folded) <= bound).all()


def test_training_normalises_the_batch_and_moves_the_running_statistics() -> None:
    x = np.random.default_rng(0).normal(3, 2, (8, 5, 5, 4)).astype(np.float32)
    zero, one = np.zeros(4, np.float32), np.ones(4, np.float32)
    y, mean, var = norm.batch_norm_train(x, zero, one, one, zero, eps=0.0, momentum=0.1)
    np.testing.assert_allclose(y.mean(axis=(0, 1, 2)), 0, atol=1e-5)
    np.testing.assert_allclose(y.var(axis=(0, 1, 2)), 1, atol=1e-5)
    np.testing.assert_allclose(mean, 0.1 * x.mean(axis=(0, 1, 2), dtype=np.float64), rtol=1e-6)
    np.testing.assert_allclose(var, 0.9 + 0.1 * x.var(axis=(0, 1, 2), ddof=1, dtype=np.float64), rtol=1e-6)


@given(FLOATS)
def test_affine_is_two_roundings(x: np.ndarray) -> None:
    scale, bias = np.float32([1.1]), np.float32([-0.3])
    with np.errstate(over="ignore"):
        got = activations.affine(x[:, None], scale, bias)
        for value, y in zip(x, got[:, 0], strict=True):
            assert y == np.float32(np.float32(value * scale[0]) + bias[0])


def test_affine_reads_every_element_type() -> None:
    scale, bias = np.float32([2]), np.float32([1])
    for dtype, value in (("uint8", 255), ("int8", -1), ("int32", -(2**31)), ("float32", 0.5)):
        x = np.array([[value]], dtype)
        assert activations.affine(x, scale, bias).item() == np.float32(np.float32(value) * 2) + np.float32(1)


@settings(max_examples=100)
@given(FLOATS)
def test_smooth_functions_are_within_half_an_ulp_and_a_bit(x: np.ndarray) -> None:
    def logistic(v: float) -> float:
        return 1 / (1 + math.exp(-v)) if v >= 0 else math.exp(v) / (1 + math.exp(v))

    for function, exact in ((activations.tanh, math.tanh), (activations.sigmoid, logistic)):
        for value, y in zip(x.tolist(), function(x), strict=True):
            assert abs(float(y) - exact(value)) <= 0.51 * abs(float(np.spacing(np.float32(exact(value)))))


@given(FLOATS)
def test_piecewise_functions(x: np.ndarray) -> None:
    slope = np.float32([-0.5])
    for value, relu, hard, prelu in zip(
        x.tolist(),
        activations.relu(x),
        activations.hardtanh(x),
        activations.prelu(x[:, None], slope)[:, 0],
        strict=True,
    ):
        assert relu == max(value, 0) and not np.signbit(relu)
        assert hard == min(max(value, -1), 1)
        assert prelu == (value if value >= 0 else np.float32(value) * slope[0])


ONE = np.ones(1, np.float32)
GOOD = {"mean": ONE, "var": ONE, "gamma": ONE, "beta": ONE}
PIXEL = np.ones((1, 1, 1, 1), np.float32)


@pytest.mark.parametrize(
    ("call", "error"),
    [
        (lambda: norm.fold(**GOOD | {"var": -ONE}, eps=0.5), RangeError),
        (lambda: norm.fold(**GOOD | {"var": ONE * 0}, eps=0.0), RangeError),
        (lambda: norm.fold(**GOOD, eps=float("nan")), RangeError),
        (lambda: norm.fold(**GOOD | {"gamma": ONE * np.nan}, eps=0.0), RangeError),
        (lambda: norm.batch_norm(PIXEL, **GOOD | {"beta": np.ones(2, np.float32)}, eps=0.0), ShapeError),
        (lambda: norm.batch_norm(PIXEL.astype(np.float64), **GOOD, eps=0.0), DTypeError),
        (lambda: norm.batch_norm_train(PIXEL, ONE, ONE, ONE, ONE, 1e-5, 0.1), RangeError),
        (lambda: norm.statistics(PIXEL[:0]), RangeError),
        (lambda: activations.affine(PIXEL, np.ones(1), ONE), DTypeError),
        (lambda: activations.affine(PIXEL.astype(np.int64), ONE, ONE), DTypeError),
        (lambda: activations.prelu(PIXEL, np.ones(2, np.float32)), ShapeError),
        (lambda: activations.relu(PIXEL.astype(np.int32)), DTypeError),
    ],
)
def test_refusals(call, error) -> None:
    with pytest.raises(error):
        call()
