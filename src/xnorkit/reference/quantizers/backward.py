"""Quantized gradients: what a layer's output gradient becomes before the layer's own backward.

>>> max_sign(np.array([[-3.0, 0.0, 1.0]])).tolist()
[[-3.0, 0.0, 3.0]]
"""

from __future__ import annotations

import numpy as np

from .dorefa import quantize_k
from .sign import Array, sign


def dorefa(g: Array, bits: int, uniform: Array) -> Array:
    """DoReFa-Net, eq. 12: 2m [quantize_k(clip(g / (2m) + 1/2 + N, 0, 1)) - 1/2], m = max|g| of each sample.

    ``uniform`` from [-1/2, 1/2), of the shape of g; N = uniform / (2^k - 1). A sample without gradient keeps none.
    """
    m = np.abs(g).max(tuple(range(1, g.ndim)), keepdims=True)
    safe = np.where(m > 0, m, 1.0)
    r = np.clip(g / (2 * safe) + 0.5 + uniform / ((1 << bits) - 1), 0, 1)
    return np.asarray(2 * m * (quantize_k(r, bits) - 0.5), np.float64)


def max_sign(g: Array, zeros: str = "keep") -> Array:
    """XNOR-Net, sec. 3.2: sign(g) max|g| of each sample; a zero stays 0, or (``zeros`` "plus") counts as positive."""
    m = np.abs(g).max(tuple(range(1, g.ndim)), keepdims=True)
    return np.asarray(m * (np.sign(g) if zeros == "keep" else sign(g)), np.float64)
