"""Top-k: what a full sort counts, the tie rule, and what has no accuracy."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from xnorkit.errors import DTypeError, RangeError, ShapeError
from xnorkit.reference.metrics import top_k
from xnorkit.train.metrics import summarize


@given(st.integers(0, 2**32 - 1), st.integers(1, 9), st.integers(1, 20), st.integers(1, 10))
def test_top_k_is_the_head_of_a_stable_sort(seed: int, classes: int, rows: int, k: int) -> None:
    """Few distinct scores, so that ties are the rule; infinities rank as numbers do."""
    rng = np.random.default_rng(seed)
    scores = rng.choice([-np.inf, -1.0, 0.0, 2.0, np.inf], (rows, classes)).astype(np.float32)
    labels = rng.integers(0, classes, rows)
    head = np.argsort(-scores, axis=1, kind="stable")[:, :k]
    assert top_k(scores, labels, k) == np.mean([label in row for label, row in zip(labels, head, strict=True)])
    assert top_k(scores, labels, 1) == np.mean(scores.argmax(axis=1) == labels)
    assert top_k(scores, labels, classes) == 1.0


def test_equal_scores_rank_by_class_number() -> None:
    assert [top_k(np.zeros((1, 4)), np.array([2]), k) for k in (1, 2, 3, 4)] == [0, 0, 1, 1]
    assert top_k(np.zeros((0, 4)), np.zeros(0, np.int64), 1) == 0.0


def test_a_diverged_net_has_no_accuracy() -> None:
    scores = np.zeros((3, 4), np.float32)
    scores[1, 2] = np.nan
    for judge in (lambda: top_k(scores, np.array([1, 2, 3]), 1), lambda: summarize(scores, np.array([1, 2, 3]))):
        with pytest.raises(RangeError, match=r"scores: got NaN in row 1, expected numbers\nhint: the model diverged"):
            judge()


@pytest.mark.parametrize(("scores", "labels", "k", "error"), [
    (np.zeros((1, 4)), np.array([4]), 1, RangeError), (np.zeros((1, 4)), np.array([-1]), 1, RangeError),
    (np.zeros((1, 4)), np.array([1]), 0, RangeError), (np.zeros((1, 4)), np.array([1.0]), 1, DTypeError),
    (np.zeros((1, 4)), np.array([1]), 1.5, DTypeError), (np.zeros((1, 4)), np.array([1, 2]), 1, ShapeError),
    (np.zeros(4), np.array([1]), 1, ShapeError),
])  # fmt: skip
def test_refusals(scores: np.ndarray, labels: np.ndarray, k: int, error: type[Exception]) -> None:
    with pytest.raises(error):
        top_k(scores, labels, k)


def test_an_evaluation_refuses_a_label_below_zero() -> None:
    with pytest.raises(RangeError, match=r"label: got -1, expected 0\.\.3"):
        summarize(np.zeros((1, 4), np.float32), np.array([-1]))
