"""The logarithmic quantizer of QNN (Hubara et al. 2016): clip(AP2(x), low, high), in a finite number of powers of two.

>>> weight(np.array([[0.9, -0.3, 0.01]]), bits=3).tolist()
[[1.0, -0.25, 0.0]]
>>> activation(np.array([-1.0, 0.3, 3.0]), bits=2, top=1).tolist()
[0.0, 0.0, 2.0]
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .sign import Array


def exponent(x: Array) -> NDArray[np.float64]:
    """round(log2|x|), halves up; -inf at 0: AP2(x) = sign(x) 2^exponent."""
    with np.errstate(divide="ignore"):
        return np.floor(np.log2(np.abs(x)) + 0.5)


def _powers(x: Array, count: int, top: float) -> Array:
    """AP2 of |x| within the ``count`` powers up to 2^top: larger ones become 2^top, smaller ones 0."""
    e = np.minimum(exponent(x), top)
    return np.where(e > top - count, np.exp2(e), 0.0)


def weight(w: Array, bits: int, top: int | None = None) -> Array:
    """sign(W) times one of 2^(k-1) - 1 powers of two, or 0; the largest is 2^top, or AP2(max|W|) of the layer."""
    largest = float(top if top is not None else exponent(np.abs(w).max()) if w.any() else 0)
    return np.sign(w) * _powers(w, (1 << (bits - 1)) - 1, largest)


def weight_gradient(w: Array, g: Array) -> Array:
    """Straight through: g."""
    return g


def activation(x: Array, bits: int, top: int) -> Array:
    """One of 2^k - 1 powers of two up to 2^top, or 0; 0 for negative x."""
    return np.where(x > 0, _powers(x, (1 << bits) - 1, top), 0.0)


def activation_gradient(x: Array, g: Array, top: int) -> Array:
    """g 1{0 <= x <= 2^top}."""
    return g * ((x >= 0) & (x <= 2.0**top))
