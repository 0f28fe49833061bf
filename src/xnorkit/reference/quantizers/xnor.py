"""XNOR-Net and Binary-Weight-Networks (Rastegari et al. 2016, v4, sec. 3): W~ = alpha sign(W); q_k of activations.

>>> weight, g = np.array([[0.5, -0.25, 1.5]]), np.array([[1.0, 2.0, 3.0]])
>>> gradient(weight, g, "exact").round(4).tolist(), gradient(weight, g, "paper").round(4).tolist()
([[1.4167, 0.8333, 0.6667]], [[1.0833, 2.1667, 1.0]])
"""

from __future__ import annotations

import numpy as np

from .sign import Array, sign, window


def prepared(weight: Array, centre: bool, clamp: bool) -> Array:
    """The latent weight as allenai/XNOR-Net prepares it: minus its mean over axis 1 (input channels), within [-1, 1].

    >>> prepared(np.array([[3.0, 1.0]]), centre=True, clamp=False).tolist()
    [[1.0, -1.0]]
    """
    w = weight - weight.mean(1, keepdims=True) if centre else weight
    return np.clip(w, -1, 1) if clamp else w


def alpha(weight: Array, scale: str = "filter") -> Array:
    """``(O, 1, ...)``: the mean of |W| over a filter, over the whole layer, or 1."""
    axes = tuple(range(1 if scale == "filter" else 0, weight.ndim))
    mean = np.abs(weight).mean(axes, keepdims=True)
    return np.ones((len(weight),) + (1,) * (weight.ndim - 1)) * (1.0 if scale == "none" else mean)


def forward(weight: Array, scale: str = "filter", centre: bool = False, clamp: bool = False) -> Array:
    """W~ = alpha sign(W), of the prepared weight."""
    w = prepared(weight, centre, clamp)
    return alpha(w, scale) * sign(w)


def gradient(weight: Array, g: Array, form: str = "exact", clip: float | None = 1.0, strict: bool = False,
             scale: str = "filter", centre: bool = False, clamp: bool = False) -> Array:  # fmt: skip
    """dC/dW, n the number of weights that share an alpha:

    exact  sign(W_i)/n * sum_j g_j sign(W_j) + g_i alpha 1{|W_i| <= clip}
    paper  g_i (1/n + alpha 1{|W_i| <= clip}), 1/n being 0 where alpha is
    without a scale, g_i 1{|W_i| <= clip}; then through the clamp and the centring, which take the mean away again.
    """
    w = prepared(weight, centre, clamp)
    axes = tuple(range(1 if scale == "filter" else 0, w.ndim))
    n = w.size / (len(w) if scale == "filter" else 1)
    a, s = alpha(w, scale), sign(w)
    d = g * a * window(w, clip, strict)
    if scale != "none" and form == "exact":
        d = d + s / n * (g * s).sum(axes, keepdims=True)
    elif scale != "none":
        d = d + np.where(a > 0, g / n, 0.0)
    if clamp:
        d = d * (np.abs(prepared(weight, centre, False)) <= 1)
    return d - d.mean(1, keepdims=True) if centre else d


def activation(x: Array, bits: int) -> Array:
    """q_k(x) = 2 ([(2^k - 1)(x + 1)/2] / (2^k - 1) - 1/2) of x clipped to [-1, 1]; [.] rounds halves up.

    >>> activation(np.array([-2.0, -0.2, 0.0, 0.5]), 2).round(4).tolist()
    [-1.0, -0.3333, 0.3333, 0.3333]
    """
    most = (1 << bits) - 1
    return 2 * (np.floor(most * (np.clip(x, -1, 1) + 1) / 2 + 0.5) / most - 0.5)


def activation_gradient(x: Array, g: Array) -> Array:
    """Straight through the rounding, zero where the clip holds: g 1{|x| <= 1}."""
    return g * window(x)
