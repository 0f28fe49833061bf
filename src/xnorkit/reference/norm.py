"""Batch normalisation (Ioffe and Szegedy 2015): inference, folding to an affine, and the training forward.

    y = gamma * (x - mean) / sqrt(var + eps) + beta         per channel, x (N, H, W, C)

Formulas are evaluated in float64 and rounded to float32 once, or not at all where every array is float64. So they state
the meaning, not one library's rounding; what a trained model really computed is captured from its own expression (see
thresholds.derive).

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
Vector = NDArray[Any]
Doubles = NDArray[np.float64]


def batch_norm(x: Array, mean: Array, var: Array, gamma: Array, beta: Array, eps: float) -> Array:
    """Inference with running statistics: ``x`` int32 or float32 ``(..., C)``, the rest float32 ``(C,)``.

    Or all float64. Raises DTypeError, ShapeError, RangeError (a non-finite value, or var + eps not above 0).
    """
    checks.dtype("batch_norm", "x", x, "int32", "float32", "float64")
    width = "float64" if x.dtype == np.float64 else "float32"
    _require_parameters(x.shape[-1], eps, width, mean=mean, var=var, gamma=gamma, beta=beta)
    return _normalised(x, mean, var, gamma, beta, eps).astype(width)


def fold(mean: Array, var: Array, gamma: Array, beta: Array, eps: float) -> tuple[Vector, Vector]:
    """(scale, bias), float32 ``(C,)``, of the affine that inference is.

    scale = gamma / sqrt(var + eps), bias = beta - mean * scale. Raises as ``batch_norm``.

    >>> v = np.array([4], np.float32)
    >>> [a.tolist() for a in fold(mean=v, var=v, gamma=v, beta=v, eps=0.0)]
    [[2.0], [-4.0]]
    """
    _require_parameters(mean.size, eps, "float32", mean=mean, var=var, gamma=gamma, beta=beta)
    scale = gamma / np.sqrt(var.astype(np.float64) + eps)
    return scale.astype(np.float32), (beta - mean * scale).astype(np.float32)


def statistics(x: Array) -> tuple[Vector, Vector]:
    """(mean, biased variance) of a batch over N, H, W: what training normalises with. ``(C,)`` each, x's element type.

    >>> [a.tolist() for a in statistics(np.array([1, 3], np.float32).reshape(2, 1, 1, 1))]
    [[2.0], [1.0]]
    """
    mean, var = _statistics(x)
    return mean.astype(x.dtype), var.astype(x.dtype)


def batch_norm_train(
    x: Array, running_mean: Array, running_var: Array, gamma: Array, beta: Array, eps: float, momentum: float
) -> tuple[Array, Vector, Vector]:
    """The training forward: (y, new running mean, new running variance) of ``x (N, H, W, C)``.

    y uses the batch's mean and biased variance; running = (1 - momentum) * running + momentum * batch, with the
    unbiased variance (times n/(n-1), n = N*H*W), as PyTorch does. Float32, or all float64. The batch's statistics are
    not rounded on the way: a mean of 10000 in float32 would shift what varies by 0.01 by a twentieth of its width.
    Raises DTypeError, ShapeError, RangeError (n < 2, a momentum outside 0..1, a non-finite value).
    """
    mean, var = _statistics(x)
    n = x.size // x.shape[-1]
    if n < 2:
        raise RangeError("batch_norm", "values per channel", got=n, expected="at least 2 to train")
    if not 0 <= momentum <= 1:
        raise RangeError("batch_norm", "momentum", got=momentum, expected="0..1, the weight of the new batch")
    width = x.dtype.name
    _require_parameters(x.shape[-1], eps, width, mean=running_mean, var=running_var, gamma=gamma, beta=beta)
    _require_parameters(x.shape[-1], eps, "float64", mean=mean, var=var)
    y = _normalised(x, mean, var, gamma, beta, eps)
    new_mean = (1 - momentum) * running_mean.astype(np.float64) + momentum * mean
    new_var = (1 - momentum) * running_var.astype(np.float64) + momentum * var * (n / (n - 1))
    return y.astype(width), new_mean.astype(width), new_var.astype(width)


def _statistics(x: Array) -> tuple[Doubles, Doubles]:
    checks.rank("batch_norm", "x", x, "N H W C")
    checks.floats("batch_norm", x)
    if x.shape[0] == 0:
        raise RangeError("batch_norm", "batch size", got=0, expected="at least 1")
    wide = x.astype(np.float64)
    return np.asarray(wide.mean(axis=(0, 1, 2))), np.asarray(wide.var(axis=(0, 1, 2)))


def _normalised(x: Array, mean: Array, var: Array, gamma: Array, beta: Array, eps: float) -> Doubles:
    inverse = 1.0 / np.sqrt(var.astype(np.float64) + eps)
    return np.asarray((x.astype(np.float64) - mean) * inverse * gamma + beta)


def _require_parameters(channels: int, eps: float, width: str, **vectors: Array) -> None:
    for name, vector in vectors.items():
        checks.channel_vector("batch_norm", name, vector, channels, width)
        if not np.isfinite(vector).all():
            raise RangeError("batch_norm", name, got="NaN or infinity", expected="finite values")
    if not eps >= 0 or not np.all(vectors["var"].astype(np.float64) + eps > 0):
        raise RangeError("batch_norm", "var + eps", got=float(vectors["var"].min()) + eps, expected="above 0")
