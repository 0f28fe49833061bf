"""Places of the weights that pruning left, as gaps of a few bits (Han et al. 2016, Deep Compression, sec. 2, fig. 2).

A matrix is read as one row of ``size`` weights. Each entry stands ``gap + 1`` places behind the one before it, the
first ``gap`` places from the begin. A gap that its field cannot hold is cut: a *filler* entry of the largest gap, whose
weight is 0, takes ``2^width`` places, as often as needed.

>>> coded = encode_gaps(np.array([1, 4, 21]), width=3)
>>> coded.gaps.tolist(), coded.filler.tolist()
([1, 2, 7, 7, 0], [False, False, True, True, False])
>>> decode_gaps(coded.gaps, size=24).tolist()
[1, 4, 12, 20, 21]
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...errors import GraphError, RangeError
from .fields import MAX_WIDTH


@dataclass(frozen=True)
class Gaps:
    """gaps ``(n,)`` of every entry; filler ``(n,)``: the entries whose weight is 0 because no weight stands there."""

    gaps: NDArray[np.uint8]
    filler: NDArray[np.bool_]


def encode_gaps(places: NDArray[np.integer], width: int) -> Gaps:
    """Rising places ``(n,)`` as gaps below ``2^width``. Raises RangeError for a width outside 1..8, or places that do
    not rise from 0 on."""
    if not 1 <= width <= MAX_WIDTH:
        raise RangeError("gaps", "width", got=width, expected=f"1..{MAX_WIDTH}")
    before = np.concatenate([np.array([-1]), places.astype(np.int64)])
    distance = before[1:] - before[:-1] - 1
    if distance.size and int(distance.min()) < 0:
        raise RangeError("gaps", "places", got="falling, twice or below 0", expected="rising from 0 on")
    fillers = distance >> width
    ends = np.cumsum(fillers + 1) - 1
    count = int(ends[-1]) + 1 if ends.size else 0
    filler = np.ones(count, np.bool_)
    gaps = np.full(count, (1 << width) - 1, np.uint8)
    filler[ends], gaps[ends] = False, (distance & ((1 << width) - 1)).astype(np.uint8)
    return Gaps(gaps, filler)


def decode_gaps(gaps: NDArray[np.uint8], size: int) -> NDArray[np.int64]:
    """The place of every entry, fillers included. Raises GraphError ``coded`` where one is behind the last weight."""
    places = np.cumsum(gaps.astype(np.int64) + 1) - 1
    if places.size and int(places[-1]) >= size:
        raise GraphError("coded", "gaps", "place", got=int(places[-1]), expected=f"below {size}")
    return places
