"""Batch normalisation (Ioffe and Szegedy 2015): inference, folding to an affine, and the training forward.

    y = gamma * (x - mean) / sqrt(var + eps) + beta         per channel, x (N, H, W, C)

Formulas are evaluated in float64 and rounded to float32 once, so they state the meaning, not one library's rounding;
what a trained model really computed is captured from its own expression (see thresholds.derive).

>>> one, zero = np.ones(1, np.float32), np.zeros(1, np.float32)
>>> batch_norm(np.array([[[[5]]]], np.float32), mean=one, var=4 * one, gamma=3 * one, beta=one, eps=0.0).tolist()
[[[[7.0]]]]
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import RangeError
from . import checks

Array = NDArray[Any]
Vector = NDArray[np.float32]


def batch_norm(x: Array, mean: Array, var: Array, gamma: Array, beta: Array, eps: float) -> NDArray[np.float32]:
    """Inference with running statistics: ``x`` int32 or float32 ``(..., C)``, the rest float32 ``(C,)``.

    Raises DTypeError, ShapeError, RangeError (a non-finite value, or var + eps not above 0).
    """
    checks.dtype("batch_norm", "x", x, "int32", "float32")
    _require_parameters(x.shape[-1], eps, mean=mean, var=var, gamma=gamma, beta=beta)
    inverse = 1.0 / np.sqrt(var.astype(np.float64) + eps)
    return ((x.astype(np.float64) - mean) * inverse * gamma + beta).astype(np.float32)


def fold(mean: Array, var: Array, gamma: Array, beta: Array, eps: float) -> tuple[Vector, Vector]:
    """(scale, bias), float32 ``(C,)``, of the affine that inference is.

    scale = gamma / sqrt(var + eps), bias = beta - mean * scale. Raises as ``batch_norm``.

    >>> v = np.array([4], np.float32)
    >>> [a.tolist() for a in fold(mean=v, var=v, gamma=v, beta=v, eps=0.0)]
    [[2.0], [-4.0]]
    """
    _require_parameters(mean.size, eps, mean=mean, var=var, gamma=gamma, beta=beta)
    scale = gamma / np.sqrt(var.astype(np.float64) + eps)
    return scale.astype(np.float32), (beta - mean * scale).astype(np.float32)


def statistics(x: Array) -> tuple[Vector, Vector]:
    """(mean, biased variance) of a batch over N, H, W: what training normalises with. Float32 ``(C,)`` each.

    >>> [a.tolist() for a in statistics(np.array([1, 3], np.float32).reshape(2, 1, 1, 1))]
    [[2.0], [1.0]]
    """
    checks.dtype("batch_norm", "x", x, "float32")
    checks.rank("batch_norm", "x", x, "N H W C")
    if x.shape[0] == 0:
        raise RangeError("batch_norm", "batch size", got=0, expected="at least 1")
    wide = x.astype(np.float64)
    return wide.mean(axis=(0, 1, 2)).astype(np.float32), wide.var(axis=(0, 1, 2)).astype(np.float32)


def batch_norm_train(
    x: Array, running_mean: Array, running_var: Array, gamma: Array, beta: Array, eps: float, momentum: float
) -> tuple[NDArray[np.float32], Vector, Vector]:
    """The training forward: (y, new running mean, new running variance) of ``x (N, H, W, C)``.

    y uses the batch's mean and biased variance; running = (1 - momentum) * running + momentum * batch, with the
    unbiased variance (times n/(n-1), n = N*H*W), as PyTorch does. Raises RangeError when n < 2.
    """
    mean, var = statistics(x)
    n = x.size // x.shape[-1]
    if n < 2:
        raise RangeError("batch_norm", "values per channel", got=n, expected="at least 2 to train")
    _require_parameters(x.shape[-1], eps, mean=running_mean, var=running_var, gamma=gamma, beta=beta)
    y = batch_norm(x, mean, var, gamma, beta, eps)
    new_mean = (1 - momentum) * running_mean.astype(np.float64) + momentum * mean
    new_var = (1 - momentum) * running_var.astype(np.float64) + momentum * var * (n / (n - 1))
    return y, new_mean.astype(np.float32), new_var.astype(np.float32)


def _require_parameters(channels: int, eps: float, **vectors: Array) -> None:
    for name, vector in vectors.items():
        checks.channel_vector("batch_norm", name, vector, channels, "float32")
        if not np.isfinite(vector).all():
            raise RangeError("batch_norm", name, got="NaN or infinity", expected="finite values")
    if not eps >= 0 or not np.all(vectors["var"].astype(np.float64) + eps > 0):
        raise RangeError("batch_norm", "var + eps", got=float(vectors["var"].min()) + eps, expected="above 0")
