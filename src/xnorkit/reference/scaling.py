"""XNOR-Net's weights: the signs of a filter and one factor, and what the real weights behind them learn.

Binary weights W~ = alpha B that are nearest to W, min |W - alpha B|^2 (Rastegari et al., 2016, sec. 3.1):

    B = sign(W),   alpha = |W|_1 / n,   n weights a filter

    |W - alpha B|^2 = |W|^2 - 2 alpha W.B + n alpha^2: W.B is largest, |W|_1, at B = sign(W); then alpha = W.B / n.

With g = dC/dW~ the gradient of W has two forms; the window 1{|W_i| <= clip} is the straight-through derivative of sign:

    exact   dC/dW_i = sign(W_i) / n  sum_j g_j sign(W_j)  +  g_i alpha 1{|W_i| <= clip}     (the true derivative)
    paper   dC/dW_i = g_i (1/n + alpha 1{|W_i| <= clip})                                    (as printed)

The printed one takes d alpha/dW_i = sign(W_i)/n as if only i's own term of the sum over j were there.

>>> w, g = np.array([[0.5, -0.25, 1.5]]), np.array([[1.0, 2.0, 3.0]])
>>> alpha(w).tolist(), gradient(w, g).round(4).tolist(), gradient(w, g, form="paper").round(4).tolist()
([0.75], [[1.4167, 0.8333, 0.6667]], [[1.0833, 2.1667, 1.0]])
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ..errors import RangeError
from . import checks
from .conventions import sign

Array = NDArray[Any]
Doubles = NDArray[np.float64]
Form = Literal["exact", "paper"]


def alpha(w: Array) -> Doubles:
    """``(O,)``: the mean of |W| over each filter of ``w (O, ...)``."""
    return np.asarray(np.abs(w.astype(np.float64)).reshape(len(w), -1).mean(axis=1))


def binarize(w: Array) -> Doubles:
    """W~ = alpha sign(W), the nearest of its kind to ``w (O, ...)``.

    >>> binarize(np.array([[3.0, -1.0], [0.0, 0.0]])).tolist()
    [[2.0, -2.0], [0.0, 0.0]]
    """
    return sign(w) * alpha(w).reshape(-1, *[1] * (w.ndim - 1))


def gradient(w: Array, grad: Array, form: Form = "exact", clip: float | None = 1.0) -> Doubles:
    """dC/dW of ``w (O, ...)`` from ``grad`` = dC/dW~ of its shape; ``clip`` None: no window.

    A filter of zeros has alpha 0; in the paper's form it gets no gradient, because nothing of W~ moves with it.
    Raises ShapeError, RangeError (another form).
    """
    checks.shape("scaling", "gradient", grad, w.shape)
    if form not in ("exact", "paper"):
        raise RangeError("scaling", "form", got=form, expected="exact or paper")
    rows, g, signs = (a.astype(np.float64).reshape(len(w), -1) for a in (w, grad, sign(w)))
    n, factor = rows.shape[1], alpha(w)[:, None]
    window = np.ones_like(rows) if clip is None else np.abs(rows) <= clip
    if form == "paper":
        found = g * (np.where(factor > 0, 1 / n, 0) + factor * window)
    else:
        found = signs / n * (g * signs).sum(axis=1, keepdims=True) + g * factor * window
    return np.asarray(found.reshape(w.shape))
