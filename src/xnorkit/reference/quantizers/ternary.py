"""Ternary weights: TWN (Li et al. 2016), TTQ (Zhu et al. 2017).

>>> weight = np.array([[1.0, -0.8, 0.1]])
>>> twn(weight).round(4).tolist(), ttq(weight, np.array(0.5), np.array(0.7)).tolist()
([[0.9, -0.9, 0.0]], [[0.5, -0.7, 0.5]])
"""

from __future__ import annotations

import numpy as np

from .sign import Array


def twn(w: Array, factor: float = 0.7, per: str = "layer") -> Array:
    """alpha T: T = sign(W) where |W| > Delta = factor * mean|W|, else 0; alpha = mean of those |W| (eq. 5 and 6).

    Delta and alpha are one ``per`` layer or per filter; without any |W| > Delta all is 0.
    """
    axes = tuple(range(1 if per == "filter" else 0, w.ndim))
    large = np.abs(w) > factor * np.abs(w).mean(axes, keepdims=True)
    count = large.sum(axes, keepdims=True)
    alpha = (np.abs(w) * large).sum(axes, keepdims=True) / np.maximum(count, 1)
    return np.asarray(alpha * np.sign(w) * large, np.float64)


def twn_gradient(w: Array, g: Array) -> Array:
    """Straight through: g."""
    return g


def ttq(w: Array, positive: Array, negative: Array, threshold: float = 0.05) -> Array:
    """W_p where W > Delta, -W_n where W < -Delta, else 0; Delta = threshold * max|W| of the layer (eq. 6 and 9)."""
    delta = threshold * np.abs(w).max()
    return np.where(w > delta, positive, np.where(w < -delta, -negative, 0.0))


def ttq_gradients(w: Array, g: Array, positive: Array, negative: Array,
                  threshold: float = 0.05) -> tuple[Array, Array, Array]:  # fmt: skip
    """(dC/dW, dC/dW_p, dC/dW_n): g times W_p, 1 or W_n by where W lies (eq. 8); sums of g and -g (eq. 7)."""
    delta = threshold * np.abs(w).max()
    over, under = w > delta, w < -delta
    latent = g * np.where(over, positive, np.where(under, negative, 1.0))
    return latent, np.asarray(g[over].sum()), np.asarray(-g[under].sum())
