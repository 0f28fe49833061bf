"""From accumulators and floats to uint8 codes 0 .. 2^k - 1, the inputs of ``wconv2d``.

>>> multithreshold(np.array([[-5, 0, 9]], np.int32), np.array([[0, 4, 8]] * 3, np.int32), np.ones(3, np.int8)).tolist()
[[0, 1, 3]]
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import ShapeError
from . import checks

Array = NDArray[Any]


def multithreshold(acc: Array, threshold: Array, flip: Array) -> NDArray[np.uint8]:
    """Count of a channel's thresholds that are reached: batch norm and k-bit quantization as integer comparisons.

    int32 ``acc (..., C)``, int32 ``threshold (C, L)`` with L <= 255, int8 -1/+1 ``flip (C,)`` to uint8 ``(..., C)``:
    the number of k with acc >= threshold[c, k], or, where flip[c] is -1, with acc < threshold[c, k] (a falling step).
    The order of a channel's thresholds has no meaning. Raises DTypeError, ShapeError, RangeError.
    """
    where = "multithreshold"
    checks.dtype(where, "accumulator", acc, "int32")
    checks.dtype(where, "threshold", threshold, "int32")
    checks.signs(where, "flip", flip)
    channels = acc.shape[-1] if acc.ndim else 0
    if threshold.ndim != 2 or threshold.shape[0] != channels or not 1 <= threshold.shape[1] <= 255:
        raise ShapeError(where, "threshold", got=threshold.shape, expected=f"({channels}, 1..255)")
    checks.shape(where, "flip", flip, (channels,))
    reached = np.zeros(acc.shape, np.uint8)
    for column in threshold.T:
        reached += acc >= column
    return np.where(flip < 0, np.uint8(threshold.shape[1]) - reached, reached).astype(np.uint8)


def quantize(x: Array, scale: Array, bias: Array, bits: int) -> NDArray[np.uint8]:
    """floor(fl(fl(x * scale[c]) + bias[c])) clipped to 0 .. 2^bits - 1; NaN gives 0.

    float32 ``x (..., C)``, ``scale (C,)``, ``bias (C,)`` to uint8 ``(..., C)``. DoReFa's activation
    round(clip(x, 0, 1) * (2^k - 1)) is scale = 2^k - 1 and bias = 1/2. Raises DTypeError, ShapeError.

    >>> quantize(np.array([[-1, .5, .51, 9]], np.float32), np.full(4, 3, "f4"), np.full(4, .5, "f4"), 2).tolist()
    [[0, 2, 2, 3]]
    """
    checks.dtype("quantize", "x", x, "float32")
    for what, vector in (("scale", scale), ("bias", bias)):
        checks.channel_vector("quantize", what, vector, x.shape[-1], "float32")
    with np.errstate(all="ignore"):
        y = np.floor(x * scale + bias)
        return np.where(y >= 0, np.minimum(y, np.float32((1 << bits) - 1)), np.float32(0)).astype(np.uint8)
