"""Which channels of a picture go where: slices, splits and channel shuffles are one rule."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..errors import ShapeError
from . import checks


def picked(channels: int, begin: int, count: int, groups: int = 1) -> NDArray[np.int64]:
    """Source channel of each of ``count`` results: channels begin .. begin + count, groups of them read in turns.

    result j is of channel ``begin + (j mod g) * (count / g) + floor(j / g)``, g = ``groups``: 1 is a slice; g > 1 is
    the channel shuffle of g groups (Zhang et al. 2017, ShuffleNet, fig. 1c), also of a part of the channels.
    Raises ShapeError where the channels end before, or count is no multiple of groups.

    >>> picked(8, 2, 3).tolist(), picked(6, 0, 6, groups=2).tolist()
    ([2, 3, 4], [0, 3, 1, 4, 2, 5])
    """
    if begin + count > channels:
        raise ShapeError(
            "pick_channels", "channels", got=f"{begin}..{begin + count - 1}", expected=f"within {channels}"
        )
    if count % groups:
        raise ShapeError("pick_channels", "out_channels", got=count, expected=f"a multiple of groups={groups}")
    return begin + np.arange(count).reshape(groups, count // groups).T.reshape(-1)


def pick_channels(x: NDArray[np.generic], begin: int, count: int, groups: int = 1) -> NDArray[np.generic]:
    """``(N, H, W, C)`` of any element type to ``(N, H, W, count)``: channels ``picked``. Raises ShapeError.

    >>> pick_channels(np.arange(4).reshape(1, 1, 1, 4), 0, 4, 2).ravel().tolist()
    [0, 2, 1, 3]
    """
    checks.rank("pick_channels", "x", x, "N H W C")
    return np.ascontiguousarray(x[..., picked(x.shape[3], begin, count, groups)])
