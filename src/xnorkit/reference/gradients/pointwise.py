"""Backward of elementwise functions: dC/dx = g f'(x), g and x of one shape, float64.

At the kinks, where f has no derivative, these are PyTorch's choices: relu'(0) = 0, prelu'(0) = slope,
hardtanh'(-1) = hardtanh'(1) = 0, |.|'(0) = 0. The straight-through window of ``sign`` holds its edge, as BNN has it.
Every function raises ShapeError for a g of another shape than x.

>>> sign(np.array([-1.5, -1.0, 0.0, 2.0]), np.ones(4)).tolist()
[0.0, 1.0, 1.0, 0.0]
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import checks

Array = NDArray[Any]
Doubles = NDArray[np.float64]


def sign(x: Array, grad: Array, window: float | None = 1.0, *, strict: bool = False) -> Doubles:
    """Straight-through: g 1{|x| <= window}, or ``strict`` <; None passes all (Courbariaux et al., 2016, eq. 4).

    The derivative of sign is 0 but at 0, so nothing could learn; the window is that of hardtanh, the nearest function
    with a slope. XNOR-Net prints ``r 1{|r| <= 1}``: the leading r is a misprint.
    Raises RangeError too: a window of 0 or less.
    """
    checks.shape("sign", "gradient", grad, x.shape)
    if window is None:
        return grad.astype(np.float64)
    checks.above_zero("sign", "window", window)
    magnitude = np.abs(x)
    return np.where(magnitude < window if strict else magnitude <= window, grad, 0.0).astype(np.float64)


def relu(x: Array, grad: Array) -> Doubles:
    """g 1{x > 0}."""
    checks.shape("relu", "gradient", grad, x.shape)
    return np.where(x > 0, grad, 0.0).astype(np.float64)


def prelu(x: Array, slope: Array, grad: Array) -> tuple[Doubles, Doubles]:
    """(dC/dx, dC/dslope ``(C,)``): g where x > 0, else g slope; the sum of g x where x <= 0 over all but channels."""
    checks.shape("prelu", "gradient", grad, x.shape)
    checks.shape("prelu", "slope", slope, x.shape[-1:])
    below = np.where(x > 0, 0.0, grad * x.astype(np.float64))
    return np.where(x > 0, grad, grad * slope.astype(np.float64)), below.reshape(-1, x.shape[-1]).sum(axis=0)


def hardtanh(x: Array, grad: Array) -> Doubles:
    """g 1{-1 < x < 1}."""
    checks.shape("hardtanh", "gradient", grad, x.shape)
    return np.where(np.abs(x) < 1, grad, 0.0).astype(np.float64)


def tanh(x: Array, grad: Array) -> Doubles:
    """g (1 - tanh(x)^2)."""
    checks.shape("tanh", "gradient", grad, x.shape)
    return np.asarray(grad * (1 - np.tanh(x.astype(np.float64)) ** 2))


def sigmoid(x: Array, grad: Array) -> Doubles:
    """g s (1 - s), s = sigmoid(x); even in x and formed without overflow."""
    checks.shape("sigmoid", "gradient", grad, x.shape)
    small = np.exp(-np.abs(x.astype(np.float64)))
    return np.asarray(grad * small / (1 + small) ** 2)


def affine(x: Array, scale: Array, grad: Array) -> tuple[Doubles, Doubles, Doubles]:
    """(dC/dx, dC/dscale ``(C,)``, dC/dbias ``(C,)``) of x scale[c] + bias[c]: g scale, sum of g x, sum of g."""
    checks.shape("affine", "gradient", grad, x.shape)
    checks.shape("affine", "scale", scale, x.shape[-1:])
    rows, values = grad.astype(np.float64).reshape(-1, x.shape[-1]), x.astype(np.float64).reshape(-1, x.shape[-1])
    return grad * scale.astype(np.float64), (rows * values).sum(axis=0), rows.sum(axis=0)
