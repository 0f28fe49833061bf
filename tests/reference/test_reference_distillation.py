"""The law of distillation: hand values, and gradients against central differences."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from xnorkit.reference import distillation as law

RNG = np.random.default_rng(0)


def differences(f: Callable[[np.ndarray], float], x: np.ndarray, step: float = 1e-6) -> np.ndarray:
    """Central differences of f at x."""
    found = np.zeros_like(x)
    for index in np.ndindex(*x.shape):
        up, down = x.copy(), x.copy()
        up[index] += step
        down[index] -= step
        found[index] = (f(up) - f(down)) / (2 * step)
    return found


@pytest.mark.parametrize("temperature", [0.5, 1.0, 4.0])
def test_gradients_over_scores(temperature: float) -> None:
    student, teacher = 3 * RNG.standard_normal((4, 6)), 3 * RNG.standard_normal((4, 6))
    for found, loss in (
        (law.hinton_gradient(student, teacher, temperature), lambda s: law.hinton(s, teacher, temperature)),
        (law.distribution_gradient(student, teacher), lambda s: law.distribution(s, teacher)),
        (law.logits_gradient(student, teacher), lambda s: law.logits(s, teacher)),
    ):
        np.testing.assert_allclose(found, differences(loss, student), atol=1e-8)


def test_gradient_of_attention() -> None:
    student, teacher = RNG.standard_normal((2, 3, 2, 3)), RNG.standard_normal((2, 5, 2, 3))
    found = differences(lambda s: law.attention(s, teacher), student)
    np.testing.assert_allclose(law.attention_gradient(student, teacher), found, atol=1e-8)


def test_hand_values() -> None:
    teacher, student = np.log([[0.5, 0.25, 0.25]]), np.log([[0.25, 0.25, 0.5]])
    assert law.distribution(student, teacher) == pytest.approx(0.5 * np.log(2) - 0.25 * np.log(2))
    assert law.hinton(student, teacher, 1.0) == pytest.approx(law.distribution(student, teacher))
    assert law.cross_entropy(student, np.array([2])) == pytest.approx(np.log(2))
    assert law.logits(np.array([[3.0, 4.0], [0.0, 0.0]]), np.zeros((2, 2))) == 6.25
    maps = np.zeros((1, 2, 1, 2))
    maps[0, :, 0, 0] = (3.0, 4.0)
    assert law.attention_map(maps).tolist() == [[1.0, 0.0]]
    assert law.attention_map(0 * maps).tolist() == [[0.0, 0.0]]


def test_high_temperatures_are_regression_on_the_scores() -> None:
    """Hinton et al., sec. 2.1: for large T and scores of mean 0 the gradient tends to (s - t) / K."""
    student, teacher = (x - x.mean(1, keepdims=True) for x in RNG.standard_normal((2, 3, 5)))
    np.testing.assert_allclose(law.hinton_gradient(student, teacher, 1e4), law.logits_gradient(student, teacher) / 5,
                               rtol=1e-3)  # fmt: skip


def test_losses_vanish_where_the_student_is_the_teacher() -> None:
    scores, maps = RNG.standard_normal((3, 4)), RNG.standard_normal((3, 2, 2, 2))
    assert law.hinton(scores, scores, 3.0) == law.distribution(scores, scores) == law.logits(scores, scores) == 0
    assert law.attention(maps, maps) == 0 and not law.attention_gradient(maps, maps).any()
    assert law.attention(2 * maps, maps) == pytest.approx(0, abs=1e-15)
