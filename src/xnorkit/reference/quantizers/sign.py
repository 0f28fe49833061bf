"""Signs of weights and activations: BinaryConnect (Courbariaux et al. 2015), BNN (Courbariaux et al. 2016).

>>> sign(np.array([-2.0, 0.0, 0.3])).tolist()
[-1.0, 1.0, 1.0]
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def sign(x: NDArray[Any]) -> Array:
    """-1 where x < 0, else +1."""
    return np.where(x < 0, -1.0, 1.0)


def hard_sigmoid(x: Array) -> Array:
    """clip((x + 1) / 2, 0, 1): the probability of +1.

    >>> hard_sigmoid(np.array([-3.0, 0.0, 0.5])).tolist()
    [0.0, 0.5, 0.75]
    """
    return np.clip((x + 1) / 2, 0.0, 1.0)


def stochastic_sign(x: Array, uniform: Array) -> Array:
    """+1 where ``uniform`` (drawn from [0, 1)) lies below hard_sigmoid(x), else -1."""
    return np.where(uniform < hard_sigmoid(x), 1.0, -1.0)


def window(x: Array, clip: float | None = 1.0, strict: bool = False) -> Array:
    """1 where a straight-through gradient passes: |x| <= clip, or < where strict; everywhere without a clip."""
    if clip is None:
        return np.ones_like(x)
    return np.asarray(np.abs(x) < clip if strict else np.abs(x) <= clip, np.float64)


def gradient(x: Array, g: Array, clip: float | None = 1.0, strict: bool = False) -> Array:
    """dC/dx of ``sign`` by the straight-through estimator: g where the window is open."""
    return g * window(x, clip, strict)
