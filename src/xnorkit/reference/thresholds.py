"""Integer thresholds: a monotone float expression of an accumulator, then sign, becomes one comparison per channel.

    out = -1  where (acc < threshold[c]) differs from (flip[c] == -1),  else +1

Batch norm then sign is such an expression, sign(gamma * (acc * alpha - mean) / sqrt(var + eps) + beta): increasing
where gamma * alpha > 0 (flip +1), decreasing where it is < 0 (flip -1), constant where it is 0. In real numbers the
threshold is the root; in float32 ties land where rounding puts them, so ``derive`` evaluates the training expression
itself.

>>> t, flip = derive(lambda a: a * np.float32([.5, -.5, 0]) + np.float32([-1, 1, -3]), -9, 9, 3)
>>> t.tolist(), flip.tolist()
([2, 3, -2147483648], [1, -1, -1])
>>> apply(np.array([[[[1, 2, 0]]]], np.int32), t, flip).tolist()
[[[[-1, 1, -1]]]]
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import RangeError, ShapeError
from . import bits, bounds, checks

Array = NDArray[Any]
Expression = Callable[[NDArray[np.float32]], Array]

NEVER_BELOW = bounds.INT32_MIN
"""The threshold of a constant channel: no int32 lies below it, so the output is flip[c] everywhere."""
CHECKED_VALUES = 1 << 22
"""``derive`` checks every candidate when there are at most this many values, else a sample and the edge."""
EDGE = 16
"""Candidates checked on either side of a threshold."""
SAMPLES = 256


def apply(acc: Array, threshold: Array, flip: Array) -> NDArray[np.int8]:
    """int32 ``(..., C)`` with int32 ``threshold (C,)`` and int8 -1/+1 ``flip (C,)`` to int8 -1/+1 ``(..., C)``.

    Raises DTypeError, ShapeError, RangeError.
    """
    _require_rows(acc, threshold)
    checks.channel_vector("threshold", "flip", flip, acc.shape[-1], "int8")
    checks.signs("threshold", "flip", flip)
    return np.where((acc < threshold) != (flip < 0), np.int8(-1), np.int8(1))


def apply_bits(acc: Array, threshold: Array, flip: Array) -> NDArray[np.uint8]:
    """The same with packed ``flip (B,)`` to packed rows ``(..., B)``: bit = (acc < threshold) ^ flip bit.

    >>> apply_bits(np.array([[0, 5]], np.int32), np.array([1, 1], np.int32), np.array([0b10], np.uint8)).tolist()
    [[3]]
    """
    _require_rows(acc, threshold)
    checks.channel_vector("threshold", "flip", flip, bits.row_bytes(acc.shape[-1]), "uint8")
    bits.require_clear_tail("threshold", flip, acc.shape[-1])
    return np.packbits(acc < threshold, axis=-1, bitorder="little") ^ flip


def derive(f: Expression, low: int, high: int, channels: int) -> tuple[NDArray[np.int32], NDArray[np.int8]]:
    """(threshold int32 ``(C,)``, flip int8 ``(C,)``) such that ``apply`` equals sign(f(acc)) for low <= acc <= high.

    ``f`` maps float32 candidates ``(K, C)`` to floats ``(K, C)``, elementwise and monotone per channel; the candidates
    are integers, exact in float32. Bisection on the sign of f finds, per channel, the smallest accumulator whose sign
    differs from that at ``low``; a channel without one is constant. The result is then checked against f: at every
    candidate when that is cheap, else around the edge and at evenly spread candidates.
    Raises RangeError for an empty range, one beyond +-2^24, NaN, or an f that is not monotone; ShapeError when f
    returns another shape.
    """
    if not -bounds.FLOAT32_EXACT <= low <= high <= bounds.FLOAT32_EXACT:
        raise RangeError("threshold", "accumulator range", got=f"{low}..{high}", expected="low <= high within +-2^24")
    bits.row_bytes(channels)
    start = _negative(f, np.full((1, channels), low, np.int64))[0]
    end = _negative(f, np.full((1, channels), high, np.int64))[0]
    below, above = np.full(channels, low, np.int64), np.full(channels, high, np.int64)
    while (above - below > 1).any():
        middle = (below + above) // 2
        same = _negative(f, middle[None])[0] == start
        below, above = np.where(same, middle, below), np.where(same, above, middle)
    changes = start != end
    threshold = np.where(changes, above, NEVER_BELOW).astype(np.int32)
    # Below the threshold the sign is that of `start`; a constant channel is never below, so it shows the other side.
    flip = np.where(changes, np.where(start, 1, -1), np.where(start, -1, 1)).astype(np.int8)
    _check(f, threshold, flip, low, high)
    return threshold, flip


def _require_rows(acc: Array, threshold: Array) -> None:
    checks.dtype("threshold", "accumulator", acc, "int32")
    if acc.ndim == 0:
        raise ShapeError("threshold", "accumulator", got=acc.shape, expected="(..., C)")
    checks.channel_vector("threshold", "threshold", threshold, acc.shape[-1], "int32")


def _negative(f: Expression, candidates: Array) -> Array:
    """f < 0 at integer candidates ``(K, C)``, refusing NaN and a wrong shape."""
    y = np.asarray(f(candidates.astype(np.float32)))
    if y.shape != candidates.shape:
        raise ShapeError("threshold", "result of the expression", got=y.shape, expected=candidates.shape)
    wrong = np.isnan(y).any(axis=0)
    if wrong.any():
        raise RangeError("threshold", f"the expression before sign, channel {int(wrong.argmax())}", got="NaN",
                         expected="a number", hint="look for NaN or infinity in batch norm and scales")  # fmt: skip
    return np.asarray(y < 0)


def _check(f: Expression, threshold: Array, flip: Array, low: int, high: int) -> None:
    channels = threshold.size
    if (high - low + 1) * channels <= CHECKED_VALUES:
        candidates = np.broadcast_to(np.arange(low, high + 1)[:, None], (high - low + 1, channels))
    else:
        spread = np.linspace(low, high, SAMPLES).astype(np.int64)[:, None] + np.zeros(channels, np.int64)
        near = threshold.astype(np.int64) + np.arange(-EDGE, EDGE)[:, None]
        candidates = np.clip(np.concatenate([spread, near]), low, high)
    wrong = _negative(f, candidates) != (apply(candidates.astype(np.int32), threshold, flip) < 0)
    if wrong.any():
        channel = int(wrong.any(axis=0).argmax())
        where = int(candidates[wrong[:, channel].argmax(), channel])
        raise RangeError("threshold", f"sign of the expression, channel {channel}",
                         got=f"a second change of sign near accumulator {where}", expected="monotone: at most one",
                         hint="an activation that is not monotone cannot become a threshold")  # fmt: skip
