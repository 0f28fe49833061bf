"""From accumulators and floats to uint8 codes 0 .. 2^k - 1, the inputs of ``wconv2d``.

>>> multithreshold(np.array([[-5, 0, 9]], np.int32), np.array([[0, 4, 8]] * 3, np.int32), np.ones(3, np.int8)).tolist()
[[0, 1, 3]]
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import RangeError, ShapeError
from . import bounds, checks

Array = NDArray[Any]
Expression = Callable[[NDArray[np.float32]], Array]

ALWAYS, NEVER = bounds.INT32_MIN, bounds.INT32_MAX
"""Thresholds that every accumulator reaches, and that none does."""
CHECKED_VALUES, SAMPLES = 1 << 21, 256
"""``derive`` checks every candidate when there are at most this many values, else a sample and the edges."""


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


def derive(f: Expression, low: int, high: int, channels: int, bits: int) -> tuple[NDArray[np.int32], NDArray[np.int8]]:
    """(threshold int32 ``(C, 2^bits - 1)``, flip int8 ``(C,)``) with ``multithreshold`` = f(acc) on low..high.

    ``f`` maps float32 candidates ``(K, C)`` to codes ``(K, C)``, monotone per channel. Bisection finds, per channel and
    level k, the smallest accumulator whose code is at least k, or, where codes fall (flip -1), is below k. The result
    is checked against f at every candidate when that is cheap, else around the edges and at evenly spread ones.
    Raises RangeError for a range beyond +-2^24, NaN, or an f that is not monotone.

    >>> t, flip = derive(lambda a: np.clip(np.floor(a * np.float32([1, -1]) / 4), 0, 3), -20, 20, 2, 2)
    >>> t.tolist(), flip.tolist()
    ([[4, 8, 12], [-3, -7, -11]], [1, -1])
    """
    if not -bounds.FLOAT32_EXACT <= low <= high <= bounds.FLOAT32_EXACT:
        raise RangeError("multithreshold", "accumulator range", got=f"{low}..{high}",
                         expected="low <= high within +-2^24")  # fmt: skip
    level = np.arange(1, 1 << bits)[:, None]
    start, end = (_codes(f, np.full((1, channels), value, np.int64)) for value in (low, high))
    down = (end < start)[0]

    def passed(code: Array) -> Array:
        return np.asarray(np.where(down, code < level, code >= level))

    below, above = np.full((len(level), channels), low, np.int64), np.full((len(level), channels), high, np.int64)
    while (above - below > 1).any():
        middle = (below + above) // 2
        yes = passed(_codes(f, middle))
        below, above = np.where(yes, below, middle), np.where(yes, middle, above)
    edges = np.where(passed(start), ALWAYS, np.where(passed(end), above, NEVER)).T.astype(np.int32)
    flip = np.where(down, np.int8(-1), np.int8(1))
    _check(f, edges, flip, low, high)
    return np.ascontiguousarray(edges), flip


def _codes(f: Expression, candidates: Array) -> Array:
    y = np.asarray(f(candidates.astype(np.float32)))
    if y.shape != candidates.shape:
        raise ShapeError("multithreshold", "result of the expression", got=y.shape, expected=candidates.shape)
    if np.isnan(y).any():
        raise RangeError("multithreshold", f"the expression, channel {int(np.isnan(y).any(0).argmax())}", got="NaN",
                         expected="a number", hint="look for NaN or infinity in batch norm and scales")  # fmt: skip
    return y


def _check(f: Expression, edges: Array, flip: Array, low: int, high: int) -> None:
    channels = flip.size
    if (high - low + 1) * channels <= CHECKED_VALUES:
        candidates = np.broadcast_to(np.arange(low, high + 1)[:, None], (high - low + 1, channels))
    else:
        spread = np.linspace(low, high, SAMPLES).astype(np.int64)[:, None] + np.zeros(channels, np.int64)
        near = [edges.T.astype(np.int64) + step for step in (-2, -1, 0, 1)]
        candidates = np.clip(np.concatenate([spread, *near]), low, high)
    wrong = _codes(f, candidates) != multithreshold(candidates.astype(np.int32), edges, flip)
    if wrong.any():
        channel = int(wrong.any(axis=0).argmax())
        where = int(candidates[wrong[:, channel].argmax(), channel])
        raise RangeError("multithreshold", f"code of the expression, channel {channel}",
                         got=f"a turn near accumulator {where}", expected="monotone codes",
                         hint="an activation that is not monotone cannot become thresholds")  # fmt: skip
