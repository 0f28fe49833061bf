"""Bi-Real Net (Liu et al. 2018), sec. 3.3, and ReActNet (Liu et al. 2020), sec. 4.2.

>>> weight, g = np.array([[0.5, -0.25, 1.5]]), np.array([[1.0, 2.0, 3.0]])
>>> gradient(weight, g, "paper").tolist(), gradient(weight, g, "code").tolist()
([[0.75, 1.5, 0.0]], [[1.0, 2.0, 0.0]])
"""

from __future__ import annotations

import numpy as np

from .slopes import Array, approx_sign, sign, swish_sign


def alpha(weight: Array) -> Array:
    """``(O, 1, ...)``: the mean of |W| over a filter."""
    return np.asarray(np.abs(weight).mean(tuple(range(1, weight.ndim)), keepdims=True))


def forward(weight: Array) -> Array:
    """W~ = alpha sign(W)."""
    return alpha(weight) * sign(weight)


def gradient(weight: Array, g: Array, form: str = "paper") -> Array:
    """dC/dW, alpha being a constant: ``paper`` g alpha 1{|W| < 1}; ``code`` g 1{|W| <= 1}, 0 for a zero filter."""
    if form == "paper":
        return g * alpha(weight) * (np.abs(weight) < 1)
    return g * (alpha(weight) > 0) * (np.abs(weight) <= 1)


def rsign(x: Array, threshold: Array) -> Array:
    """sign(x - t[c]) of ``x (N, C, ...)``: +1 at the threshold itself."""
    return sign(x - threshold.reshape((1, -1) + (1,) * (x.ndim - 2)))


def rsign_gradient(x: Array, threshold: Array, g: Array) -> tuple[Array, Array]:
    """(dC/dx, dC/dt): Bi-Real's slope at x - t, and its negative summed over all of a channel.

    >>> dx, dt = rsign_gradient(np.array([[0.5], [1.0]]), np.array([0.5]), np.array([[1.0], [1.0]]))
    >>> dx.tolist(), dt.tolist()
    ([[2.0], [1.0]], [-3.0])
    """
    dx = g * approx_sign(x - threshold.reshape((1, -1) + (1,) * (x.ndim - 2)))
    return dx, -dx.sum(axis=(0, *range(2, x.ndim)))


def swish_gradient(weight: Array, g: Array, beta: float) -> Array:
    """dC/dW of BNN+'s weights, alpha not being a constant: g alpha SS'(W) + sign(W)/n sum_j g_j sign(W_j)."""
    axes, s = tuple(range(1, weight.ndim)), sign(weight)
    through_alpha = s / weight[0].size * (g * s).sum(axes, keepdims=True)
    return np.asarray(g * alpha(weight) * swish_sign(weight, beta) + through_alpha)
