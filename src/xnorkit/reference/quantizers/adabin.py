"""AdaBin (Tu et al. 2022), sec. 3: weights from {beta - alpha, beta + alpha}, activations likewise.

>>> forward(np.array([[1.0, 3.0, 5.0, 7.0]])).round(4).tolist()
[[1.7639, 1.7639, 6.2361, 6.2361]]
"""

from __future__ import annotations

import numpy as np

from .slopes import Array, ede, sign


def spread(weight: Array) -> tuple[Array, Array]:
    """(beta, alpha) ``(O, 1, ...)``: mean and standard deviation (divisor n) of a filter."""
    axes = tuple(range(1, weight.ndim))
    return weight.mean(axes, keepdims=True), weight.std(axes, keepdims=True)


def forward(weight: Array) -> Array:
    """W~ = beta + alpha sign(W - beta)."""
    beta, alpha = spread(weight)
    return np.asarray(beta + alpha * sign(weight - beta))


def gradient(weight: Array, g: Array, t: float) -> Array:
    """dC/dW through sign (EDE slope of w = (W - beta)/alpha), alpha and beta, n weights a filter:

    with B = sign(w), d = g EDE'(w; t), a = sum(g B) and b = sum(g):
    d_i - mean(d) - w_i mean(d w) + (a w_i + b)/n; where alpha is 0, b/n alone.
    """
    beta, alpha = spread(weight)
    axes, n = tuple(range(1, weight.ndim)), weight[0].size
    live = alpha > 0
    w = (weight - beta) / np.where(live, alpha, 1.0)
    d = g * ede(w, t)
    a, b = ((g * s).sum(axes, keepdims=True) for s in (sign(w), np.ones_like(w)))
    inner = d - d.mean(axes, keepdims=True) - w * (d * w).mean(axes, keepdims=True) + a * w / n
    return np.asarray(np.where(live, inner, 0.0) + b / n)


def activation(x: Array, alpha: float, beta: float) -> Array:
    """alpha sign((x - beta)/alpha) + beta."""
    return np.asarray(alpha * sign((x - beta) / alpha) + beta)


def activation_gradient(x: Array, g: Array, alpha: float, beta: float, t: float) -> tuple[Array, float, float]:
    """(dC/dx, dC/dalpha, dC/dbeta): with u = (x - beta)/alpha and e = EDE'(u; t),
    g e;  sum g (sign(u) - u e);  sum g (1 - e)."""
    u = (x - beta) / alpha
    e = ede(u, t)
    return g * e, float((g * (sign(u) - u * e)).sum()), float((g * (1 - e)).sum())
