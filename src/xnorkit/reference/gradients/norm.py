"""Backward of batch normalisation in training (Ioffe and Szegedy, 2015, sec. 3). Per channel, over the m values of it:

    x^ = (x - mean) / s,  s = sqrt(var + eps),  y = gamma x^ + beta

    dC/dbeta  = sum g
    dC/dgamma = sum g x^
    dC/dx     = gamma / s  (g - mean(g) - x^ mean(g x^))

The last line follows from the two means that x moves: mean' = 1/m and var' = 2 (x - mean)/m. So dC/dx has mean 0, and
no part along x^: scaling or shifting a channel's input changes nothing behind the norm.

>>> x = np.array([1.0, 2.0, 6.0]).reshape(3, 1, 1, 1)
>>> dx, dgamma, dbeta = batch_norm(x, np.ones(1), 0.0, np.array([1.0, 0.0, 0.0]).reshape(3, 1, 1, 1))
>>> bool(abs(dx.sum()) < 1e-12), bool(abs((dx * x).sum()) < 1e-12), dbeta.tolist()
(True, True, [1.0])
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...errors import RangeError
from .. import checks

Array = NDArray[Any]
Doubles = NDArray[np.float64]


def batch_norm(x: Array, gamma: Array, eps: float, grad: Array) -> tuple[Doubles, Doubles, Doubles]:
    """(dC/dx ``(N, H, W, C)``, dC/dgamma ``(C,)``, dC/dbeta ``(C,)``) of the training forward, biased variance.

    Raises ShapeError; RangeError for a non-finite value, one value only in a channel, or var + eps not above 0.
    """
    checks.rank("batch_norm", "x", x, "N H W C")
    checks.shape("batch_norm", "gradient", grad, x.shape)
    checks.shape("batch_norm", "gamma", gamma, (x.shape[3],))
    rows, g = (a.astype(np.float64).reshape(-1, x.shape[3]) for a in (x, grad))
    if len(rows) < 2:
        raise RangeError("batch_norm", "values per channel", got=len(rows), expected="at least 2 to train")
    for what, values in (("x", rows), ("gamma", gamma)):
        if not np.isfinite(values).all():
            raise RangeError("batch_norm", what, got="NaN or infinity", expected="finite values")
    var = rows.var(axis=0)
    if not eps >= 0 or not (var + eps > 0).all():
        raise RangeError("batch_norm", "var + eps", got=float(var.min()) + eps, expected="above 0")
    spread = np.sqrt(var + eps)
    normed = (rows - rows.mean(axis=0)) / spread
    dx = gamma / spread * (g - g.mean(axis=0) - normed * (g * normed).mean(axis=0))
    return dx.reshape(x.shape), (g * normed).sum(axis=0), g.sum(axis=0)
