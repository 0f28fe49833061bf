"""The linear quantizer of QNN (Hubara et al. 2016): clip(round(x / step) step, low, high); int8 weights.

>>> weight(np.array([[1.0, -0.2, 0.1]]), bits=3).round(4).tolist()
[[1.0, -0.3333, 0.0]]
>>> activation(np.array([-1.0, 0.3, 9.0]), bits=2, step=0.5).tolist()
[0.0, 0.5, 1.5]
"""

from __future__ import annotations

import numpy as np

from .sign import Array


def weight(w: Array, bits: int, step: float | None = None) -> Array:
    """clip(round(W / step), -M, M) step, M = 2^(k-1) - 1; without a step max|W| / M, over the whole layer."""
    most = (1 << (bits - 1)) - 1
    step = step if step is not None else (np.abs(w).max() / most or 1.0)
    return np.clip(np.round(w / step), -most, most) * step


def int8(w: Array) -> Array:
    """clip(round(W / s), -127, 127) s, s = max|W| / 127 of each filter."""
    s = np.abs(w).max(tuple(range(1, w.ndim)), keepdims=True) / 127
    s = np.where(s > 0, s, 1.0)
    return np.clip(np.round(w / s), -127, 127) * s


def weight_gradient(w: Array, g: Array) -> Array:
    """Straight through: g."""
    return g


def activation(x: Array, bits: int, step: float) -> Array:
    """clip(floor(x / step + 1/2), 0, 2^k - 1) step: codes of numbers from 0 on, halves up."""
    return np.clip(np.floor(x / step + 0.5), 0, (1 << bits) - 1) * step


def activation_gradient(x: Array, g: Array, bits: int, step: float) -> Array:
    """g 1{0 <= x <= (2^k - 1) step}."""
    return g * ((x >= 0) & (x <= ((1 << bits) - 1) * step))
