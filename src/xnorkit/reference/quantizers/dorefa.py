"""DoReFa-Net (Zhou et al. 2016): quantize_k of weights and activations; its gradients stand in ``backward``.

>>> quantize_k(np.array([0.0, 0.4, 0.5, 1.0]), 2).round(4).tolist()
[0.0, 0.3333, 0.6667, 1.0]
"""

from __future__ import annotations

import numpy as np

from .sign import Array, sign


def quantize_k(r: Array, bits: int) -> Array:
    """floor((2^k - 1) r + 1/2) / (2^k - 1) of r in [0, 1]: eq. 5, halves up."""
    most = (1 << bits) - 1
    return np.floor(most * r + 0.5) / most


def weight(w: Array, bits: int) -> Array:
    """k = 1: sign(W) E|W|, E over the whole layer. k > 1: 2 quantize_k(tanh W / (2 max|tanh W|) + 1/2) - 1.

    A layer of zeros, k > 1: its maximum counts as 1.
    """
    if bits == 1:
        return np.asarray(sign(w) * np.abs(w).mean(), np.float64)
    t = np.tanh(w)
    return 2 * quantize_k(t / (2 * (np.abs(t).max() or 1.0)) + 0.5, bits) - 1


def weight_gradient(w: Array, g: Array, bits: int, through_max: bool = True) -> Array:
    """k = 1: g. k > 1: of t = tanh W and m = max|t|, the derivative of t / m, straight through the rounding.

    dC/dt = g/m - [|t| = m] sign(t) sum(g t) / (m^2 ties), the second term only ``through_max``; dt/dW = 1 - t^2.
    """
    if bits == 1:
        return g
    t = np.tanh(w)
    m = np.abs(t).max()
    if m == 0:
        return g
    d = g / m
    if through_max:
        at_max = np.abs(t) == m
        d = d - at_max * np.sign(t) * (g * t).sum() / (m * m * at_max.sum())
    return np.asarray(d * (1 - t * t), np.float64)


def activation(x: Array, bits: int) -> Array:
    """quantize_k(clip(x, 0, 1)): one bit means 0 or 1, not -1 or +1."""
    return quantize_k(np.clip(x, 0, 1), bits)


def activation_gradient(x: Array, g: Array) -> Array:
    """g 1{0 <= x <= 1}."""
    return g * ((x >= 0) & (x <= 1))
