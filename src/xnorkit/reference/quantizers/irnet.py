"""IR-Net (Qin et al. 2020), sec. 3.2: Libra parameter binarization.

w^ = (W - mean) / std over each filter (std with n - 1, as torch.std and the authors' code), B = sign(w^), and the scale
is a power of two, 2^s with s = round(log2(mean |w^|)). A constant filter: w^ = 0, B = +1, scale 0.

>>> forward(np.array([[1.0, 3.0, 5.0, 7.0]])).tolist()
[[-1.0, -1.0, 1.0, 1.0]]
"""

from __future__ import annotations

import numpy as np

from .slopes import Array, ede, sign


def balanced(weight: Array) -> tuple[Array, Array]:
    """(w^, the standard deviation it was divided by: 1 for a constant filter, ``(O, 1, ...)``)."""
    axes = tuple(range(1, weight.ndim))
    centred = weight - weight.mean(axes, keepdims=True)
    n = weight[0].size
    std = np.sqrt((centred**2).sum(axes, keepdims=True) / max(n - 1, 1))
    std = np.where(std > 0, std, 1.0)
    return centred / std, std


def scale(weight: Array) -> Array:
    """2^round(log2(mean |w^|)) ``(O, 1, ...)``; 0 for a constant filter. Halves round to even.

    >>> scale(np.array([[1.0, -1.0], [2.0, 2.0]])).ravel().tolist()
    [0.5, 0.0]
    """
    w, _ = balanced(weight)
    mean = np.abs(w).mean(tuple(range(1, w.ndim)), keepdims=True)
    return np.where(mean > 0, 2.0 ** np.rint(np.log2(np.where(mean > 0, mean, 1.0))), 0.0)


def forward(weight: Array) -> Array:
    """W~ = 2^s sign(w^)."""
    return scale(weight) * sign(balanced(weight)[0])


def gradient(weight: Array, g: Array, t: float) -> Array:
    """dC/dW, 2^s being a constant: with d = g 2^s EDE'(w^; t), n weights a filter,

    dC/dW_i = (d_i - mean(d) - w^_i sum(d w^)/(n - 1)) / std: through the division by std and through the mean.
    """
    w, std = balanced(weight)
    axes = tuple(range(1, weight.ndim))
    d = g * scale(weight) * ede(w, t)
    n = weight[0].size
    along = (d * w).sum(axes, keepdims=True) / max(n - 1, 1)
    return np.asarray((d - d.mean(axes, keepdims=True) - w * along) / std)
