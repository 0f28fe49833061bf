"""Update rules made for binary networks: Bop, shift-based AdaMax, and BinaryConnect's scaled and clipped step.

Each is a pure function: numbers before -> numbers after, float64 by plain formula. ``t`` counts steps from 1.

>>> w, m = bop(np.array([1.0, -1.0, 1.0]), np.zeros(3), np.array([2.0, 2.0, -2.0]), gamma=0.5, threshold=0.5)
>>> w.tolist(), m.tolist()                                     # only the first momentum has the sign of its weight
([-1.0, -1.0, 1.0], [1.0, 1.0, -1.0])
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from .ap2 import ap2

Doubles = NDArray[np.float64]


def bop(w: Doubles, m: Doubles, g: Doubles, gamma: float, threshold: float) -> tuple[Doubles, Doubles]:
    """Bop: (w, m) after a step; w is -1/+1 and has no latent weight behind it.

    m = (1 - gamma) m + gamma g;  w = -w where |m| > threshold and sign(m) = sign(w).
    Source: Helwegen et al. 2019 (Latent weights do not exist), algorithm 1. Deviates: larq's code turns a weight to +1
    where |m| equals the threshold; here, as printed, nothing flips there.
    """
    m = (1 - gamma) * m + gamma * g
    return np.where((np.abs(m) > threshold) & (m * w > 0), -w, w), m


def bop_second_order(
    w: Doubles, m: Doubles, v: Doubles, g: Doubles, gamma: float, sigma: float, threshold: float, eps: float
) -> tuple[Doubles, Doubles, Doubles]:
    """Second-order Bop: (w, m, v) after a step; the momentum is measured in its own root mean square.

    m = (1 - gamma) m + gamma g;  v = (1 - sigma) v + sigma g^2;  r = m / (sqrt(v) + eps);
    w = -w where |r| > threshold and sign(r) = sign(w).
    Source: Suarez-Ramirez et al. 2021 (A Bop and beyond), the biased form.
    """
    m, v = (1 - gamma) * m + gamma * g, (1 - sigma) * v + sigma * g**2
    ratio = m / (np.sqrt(v) + eps)
    return np.where((np.abs(ratio) > threshold) & (ratio * w > 0), -w, w), m, v


def shift_adamax(
    w: Doubles, m: Doubles, v: Doubles, g: Doubles, t: int, lr: float, betas: tuple[float, float]
) -> tuple[Doubles, Doubles, Doubles]:
    """Shift-based AdaMax as printed: (w, m, v) after step t; every product but the moving average's is a shift.

    m = b1 m + (1 - b1) g;  v = max(b2 v, |g|);  w = w - (lr <<>> 1/(1 - b1^t)) m <<>> 1/v;  x <<>> y is x * AP2(y),
    and AP2(1/v) is 1/AP2(v). Where v is 0 no gradient ever came, and w stays.
    Source: Courbariaux, Hubara et al. 2016 (BNN), algorithm 4, which prints ``lr <<>> (1 - b1^t)``: read, as AdaMax has
    it, as a division.
    """
    b1, b2 = betas
    m, v = b1 * m + (1 - b1) * g, np.maximum(b2 * v, np.abs(g))
    step = lr * ap2(np.array(1 / (1 - b1**t)))
    quotient = np.divide(m, ap2(v), out=np.zeros_like(v), where=v > 0)
    return w - step * quotient, m, v


def shift_adamax_lua(
    w: Doubles, m: Doubles, v: Doubles, g: Doubles, t: int, lr: float, betas: tuple[float, float], eps: float,
    scale: float = 1.0,
) -> tuple[Doubles, Doubles, Doubles]:  # fmt: skip
    """Shift-based AdaMax as the authors' Torch code has it: (w, m, v) after step t.

    m = b1 m + (1 - b1) g;  v = AP2(max(b2 v, |g|)) + eps, kept so;  w = w - AP2(lr / (1 - b1^t)) * scale * m / v.
    Source: itayhubara/BinaryNet, adaMax_binary_clip_shift.lua; ``scale`` is its GLR vector.
    """
    b1, b2 = betas
    m, v = b1 * m + (1 - b1) * g, ap2(np.maximum(b2 * v, np.abs(g))) + eps
    step = float(ap2(np.array(lr / (1 - b1**t))))
    return w - step * scale * m / v, m, v


def glorot_scale(shape: Sequence[int]) -> float:
    """1 / sqrt(1.5 / (fan_in + fan_out)) of a weight ``(O, I)`` or ``(O, I, kH, kW)``; fans count kH kW.

    Source: MatthieuCourbariaux/BinaryConnect, W_LR_scale "Glorot": one over half of Glorot's bound sqrt(6 / fans).

    >>> glorot_scale((128, 256, 3, 3)), glorot_scale((2, 4))
    (48.0, 2.0)
    """
    taps = math.prod(shape[2:])
    return 1 / math.sqrt(1.5 / ((shape[0] + shape[1]) * taps))


def scaled_clipped(w: Doubles, updated: Doubles, scale: float, limit: float | None = 1.0) -> Doubles:
    """BinaryConnect's step: w + scale * (updated - w), clipped to [-limit, limit]; ``updated`` by any rule."""
    moved = w + scale * (updated - w)
    return moved if limit is None else np.clip(moved, -limit, limit)
