"""Accuracy: the share of examples whose label is among the k highest scores.

>>> scores = np.array([[.1, .9, .5], [.8, .1, .3]], np.float32)
>>> top_k(scores, np.array([2, 0]), 1), top_k(scores, np.array([2, 0]), 2)
(0.5, 1.0)
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import DTypeError, RangeError
from . import checks

Array = NDArray[Any]


def top_k(scores: Array, labels: Array, k: int) -> float:
    """Share of rows of ``scores (N, K)`` whose label ``(N,)`` is among the k highest; 0 without rows.

    Equal scores rank by class number, lowest first, as argmax has it. A NaN has no rank: nothing compares above it, and
    a net that diverged would be right about everything. Raises ShapeError; DTypeError (labels that are no integers);
    RangeError (k below 1, a label that is no class, a NaN).
    """
    checks.rank("top_k", "scores", scores, "N K")
    checks.shape("top_k", "labels", labels, (len(scores),))
    checks.count("top_k", "k", k)
    if labels.dtype.kind not in "iu":
        raise DTypeError("top_k", "labels", got=labels.dtype, expected="integers")
    if not len(labels):
        return 0.0
    if labels.min() < 0 or labels.max() >= scores.shape[1]:
        got = int(labels.min() if labels.min() < 0 else labels.max())
        raise RangeError("top_k", "label", got=got, expected=f"0..{scores.shape[1] - 1}")
    if np.isnan(scores).any():
        row = int(np.isnan(scores).any(axis=1).argmax())
        raise RangeError("top_k", "scores", got=f"NaN in row {row}", expected="numbers", hint="the model diverged")
    own = scores[np.arange(len(labels)), labels][:, None]
    index = np.arange(scores.shape[1])
    ahead = (scores > own) | ((scores == own) & (index < labels[:, None]))
    return float(np.mean(ahead.sum(axis=1) < k))
