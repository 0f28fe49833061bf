"""What stands for the derivative of sign: s(x) with ``dC/dx = g s(x)``; every forward is -1 where x < 0, else +1.

>>> approx_sign(np.array([-1.5, -0.5, 0.0, 0.25])).tolist()
[0.0, 1.0, 2.0, 1.5]
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def sign(x: NDArray[Any]) -> Array:
    """-1 where x < 0, else +1."""
    return np.where(x < 0, -1.0, 1.0)


def approx_sign(x: Array) -> Array:
    """Bi-Real (Liu et al. 2018), sec. 3.3: 2 - 2|x| where |x| < 1, else 0: the derivative of 2x -+ x^2."""
    return np.asarray(np.maximum(0.0, 2 - 2 * np.abs(x)))


def triangle(x: Array, clip: float) -> Array:
    """(2/clip)(1 - |x|/clip) inside the clip, of area 2 as every slope of a step from -1 to +1; clip 1: Bi-Real's."""
    return np.asarray(np.maximum(0.0, 2 / clip * (1 - np.abs(x) / clip)))


def leaky(x: Array, clip: float, leak: float) -> Array:
    """1 where |x| <= clip, ``leak`` outside: the slope of an S-shaped ReLU (Jin et al. 2016)."""
    return np.where(np.abs(x) <= clip, 1.0, leak)


def tanh(x: Array, clip: float) -> Array:
    """1 - tanh^2(x/clip): never zero."""
    return np.asarray(1 - np.tanh(x / clip) ** 2)


def ede_t(progress: float, t_min: float, t_max: float) -> float:
    """t = t_min 10^(progress log10(t_max/t_min)) (IR-Net, sec. 3.3).

    >>> [round(ede_t(p, 0.1, 10.0), 6) for p in (0.0, 0.5, 1.0)]
    [0.1, 1.0, 10.0]
    """
    return float(t_min * 10 ** (progress * np.log10(t_max / t_min)))


def ede(x: Array, t: float) -> Array:
    """IR-Net (Qin et al. 2020), sec. 3.3: k t (1 - tanh^2(t x)), k = max(1/t, 1).

    >>> ede(np.array([0.0, 0.5]), 0.1).round(3).tolist(), ede(np.array([0.0, 0.5]), 10.0).round(3).tolist()
    ([1.0, 0.998], [10.0, 0.002])
    """
    return np.asarray(max(1 / t, 1.0) * t * (1 - np.tanh(t * x) ** 2))


def swish_sign(x: Array, beta: float) -> Array:
    """BNN+ (Darabi et al. 2018): the derivative of SS(x) = 2 s(bx) [1 + bx (1 - s(bx))] - 1, s the logistic function:
    b (2 - bx tanh(bx/2)) / (1 + cosh(bx)).

    >>> swish_sign(np.array([0.0, 1.0]), 5.0).round(4).tolist()
    [5.0, -0.195]
    """
    z = beta * x
    return np.asarray(beta * (2 - z * np.tanh(z / 2)) / (1 + np.cosh(z)))
