"""XNOR-Net++ (Bulat and Tzimiropoulos 2019), sec. 3: one learned scale in place of XNOR-Net's alpha and K.

>>> weight, scale, g = np.array([[0.5, -0.25, 1.5]]), np.array([2.0]), np.array([[1.0, 2.0, 3.0]])
>>> [part.tolist() for part in gradient(weight, scale, g)]
[[[2.0, 4.0, 0.0]], [2.0]]
"""

from __future__ import annotations

import numpy as np

from .slopes import Array, sign


def forward(weight: Array, scale: Array) -> Array:
    """W~ = scale[o] sign(W), case 1 of the paper (a scale per output channel)."""
    return _along(scale, weight) * sign(weight)


def gradient(weight: Array, scale: Array, g: Array) -> tuple[Array, Array]:
    """(dC/dW, dC/dscale): g scale 1{|W| <= 1}, and sum g sign(W) over each filter."""
    through = g * _along(scale, weight) * (np.abs(weight) <= 1)
    return through, (g * sign(weight)).sum(tuple(range(1, weight.ndim)))


def _along(scale: Array, weight: Array) -> Array:
    return scale.reshape((-1,) + (1,) * (weight.ndim - 1))
