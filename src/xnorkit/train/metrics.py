"""Accuracy from class scores, in NumPy, so that trained and packed models are measured by the same code."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from xnorkit.errors import ShapeError
from xnorkit.reference.metrics import top_k


@dataclass(frozen=True, eq=False)
class Evaluation:
    """What scores say about labels.

    count: number of pictures N.
    top1, top5: shares in 0..1; top5 is the share whose label is among the min(5, K) highest scores.
    confusion: int64 (K, K), row = true class, column = predicted class.
    predictions: int64 (N,), the first of the highest scores.
    scores: float32 (N, K).
    loss: mean loss, when the evaluator had one.
    """

    count: int
    top1: float
    top5: float
    confusion: NDArray[np.int64]
    predictions: NDArray[np.int64]
    scores: NDArray[np.float32]
    loss: float | None = None

    def summary(self) -> dict[str, float]:
        """The scalars, for tables and JSON."""
        found = {"top1": self.top1, "top5": self.top5}
        return found if self.loss is None else {"loss": self.loss, **found}


def summarize(scores: NDArray[np.float32], labels: NDArray[np.int64], loss: float | None = None) -> Evaluation:
    """The `Evaluation` of scores (N, K) against labels (N,).

    Raises
    ------
    ShapeError: the numbers of rows differ, or a label has no column.
    RangeError: a label below 0, a score that is NaN.
    """
    if scores.ndim != 2 or len(scores) != len(labels) or (len(labels) and labels.max() >= scores.shape[1]):
        raise ShapeError("evaluate", "scores", got=scores.shape,
                         expected=f"({len(labels)}, more than {labels.max(initial=0)})")  # fmt: skip
    classes = scores.shape[1]
    top1, top5 = top_k(scores, labels, 1), top_k(scores, labels, min(5, classes))
    predictions = scores.argmax(axis=1).astype(np.int64)
    confusion = np.bincount(labels * classes + predictions, minlength=classes * classes).reshape(classes, classes)
    return Evaluation(len(labels), top1, top5, confusion.astype(np.int64), predictions, scores, loss)
