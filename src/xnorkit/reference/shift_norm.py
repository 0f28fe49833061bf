"""Shift-based batch normalisation (BNN): every product of the forward is a shift by a power of two.

Per channel, over the m values x of a batch; AP2(x) is the power of two nearest to x in the exponent (``ap2.py``):

    c = x - mean,  var = mean(c AP2(c)),  r = AP2(1 / sqrt(var + eps)),  x^ = c r,  y = AP2(gamma) x^ + beta

Inference: y = (x - running mean) AP2(running 1/std) AP2(gamma) + beta; the running inverse deviation is averaged as it
is, before AP2. The backward pass is batch norm's with these numbers in it, n being x^ (form ``paper``) or AP2(x^)
(form ``lua``, where every product is a shift too):

    dC/dbeta = sum g,  dC/dgamma = sum g n,  dC/dx = AP2(gamma) r (g - mean(g) - n mean(g n))

Source: Courbariaux, Hubara et al. 2016 (BNN), algorithm 3, which prints the forward without beta, and neither the
backward pass nor inference; those are of itayhubara/BinaryNet, BatchNormalizationShiftPow2.lua.

>>> x = np.array([1.0, 2.0, 6.0]).reshape(3, 1, 1, 1)              # c = -2, -1, 3; c AP2(c) = 4, 1, 12
>>> y, mean, istd = train(x, np.zeros(1), np.ones(1), np.array([3.0]), np.array([0.5]), eps=0.0, momentum=1.0)
>>> y.ravel().tolist(), mean.tolist(), bool(istd[0] == (17 / 3) ** -0.5)     # r = AP2(0.42) = 0.5, AP2(3) = 4
([-3.5, -1.5, 6.5], [3.0], True)
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import RangeError
from . import checks
from .ap2 import ap2

Array = NDArray[Any]
Doubles = NDArray[np.float64]
FORMS = ("paper", "lua")


def infer(x: Array, mean: Array, istd: Array, gamma: Array, beta: Array) -> Array:
    """(x - mean) * (AP2(istd) AP2(gamma)) + beta, x ``(..., C)``, the rest ``(C,)``: two roundings in the type of x.

    >>> one = np.ones(1)
    >>> infer(np.array([[3.0]]), one, 0.3 * one, 3 * one, one).tolist()
    [[3.0]]
    """
    return np.asarray((x - mean) * (ap2(istd) * ap2(gamma)) + beta)


def train(
    x: Array, running_mean: Array, running_istd: Array, gamma: Array, beta: Array, eps: float, momentum: float
) -> tuple[Array, Array, Array]:
    """The training forward of ``x (N, H, W, C)``: (y, new running mean, new running 1/std).

    running = (1 - momentum) * running + momentum * batch. Raises ShapeError, RangeError (one value in a channel).
    """
    mean, istd, centred = _statistics(x, eps)
    y = centred * ap2(istd) * ap2(gamma) + beta
    kept = 1 - momentum
    return y.astype(x.dtype), kept * running_mean + momentum * mean, kept * running_istd + momentum * istd


def backward(x: Array, gamma: Array, eps: float, grad: Array, form: str) -> tuple[Doubles, Doubles, Doubles]:
    """(dC/dx ``(N, H, W, C)``, dC/dgamma ``(C,)``, dC/dbeta ``(C,)``) of the training forward.

    Raises ShapeError; RangeError for another form, or one value in a channel.
    """
    if form not in FORMS:
        raise RangeError("shift_norm", "form", got=form, expected=f"one of {FORMS}")
    checks.shape("shift_norm", "gradient", grad, x.shape)
    _, istd, centred = _statistics(x, eps)
    r, axes = ap2(istd), (0, 1, 2)
    normed = ap2(centred * r) if form == "lua" else centred * r
    dx = ap2(gamma) * r * (grad - grad.mean(axis=axes) - normed * (grad * normed).mean(axis=axes))
    return dx, (grad * normed).sum(axis=axes), grad.sum(axis=axes)


def _statistics(x: Array, eps: float) -> tuple[Doubles, Doubles, Doubles]:
    """(mean, 1/std of the shifted variance, x - mean), in float64."""
    checks.rank("shift_norm", "x", x, "N H W C")
    if x.size // x.shape[-1] < 2:
        raise RangeError("shift_norm", "values per channel", got=x.size // x.shape[-1], expected="at least 2 to train")
    wide = x.astype(np.float64)
    mean = wide.mean(axis=(0, 1, 2))
    centred = wide - mean
    return mean, 1 / np.sqrt((centred * ap2(centred)).mean(axis=(0, 1, 2)) + eps), centred
