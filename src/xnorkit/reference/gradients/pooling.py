"""Backward of pools. A maximum hands its gradient to the value that won, a mean shares it out evenly.

    max    dC/dx = sum of g over the windows that x won; of equal values the first in (kh, kw) order wins
    mean   dC/dx = sum over the windows that read x of g / (number of taps the forward divided by)

>>> x = np.array([[1, 1, 2, 4], [5, 6, 7, 8], [3, 2, 1, 0], [1, 2, 3, 4]]).reshape(1, 4, 4, 1)
>>> max_pool2d(x, np.ones((1, 2, 2, 1)), (2, 2), (2, 2), (0, 0, 0, 0))[0, :, :, 0].astype(int).tolist()
[[0, 0, 0, 0], [0, 1, 0, 1], [1, 0, 0, 0], [0, 0, 0, 1]]
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import checks, windows
from ..pooling import geometry
from ..shapes import window_output

Array = NDArray[Any]
Doubles = NDArray[np.float64]
Pair = tuple[int, int]
Padding = tuple[int, int, int, int]


def max_pool2d(
    x: Array, grad: Array, kernel: Pair, stride: Pair, padding: Padding, flip: Array | None = None
) -> Doubles:
    """dC/dx ``(N, H, W, C)`` from ``grad (N, Ho, Wo, C)``. Channels whose ``flip`` is -1 took the minimum.

    Of NaNs, which win the forward, the last has the gradient, as in PyTorch. Raises ShapeError, RangeError.

    >>> lost = np.full((1, 1, 1, 1), -np.inf)                        # as low as padding; it still won its window
    >>> max_pool2d(lost, np.ones((1, 1, 1, 1)), (2, 2), (2, 2), (1, 1, 0, 0)).item()
    1.0
    """
    ho, wo = geometry("max_pool2d", x, kernel, stride, padding)
    checks.shape("max_pool2d", "gradient", grad, (len(x), ho, wo, x.shape[3]))
    signs = np.ones(x.shape[3]) if flip is None else flip.astype(np.float64)
    padded = windows.pad(x * signs, padding, -np.inf)
    read = windows.pad(np.ones((1, *x.shape[1:3], 1), bool), padding, False)
    best = np.full(grad.shape, -np.inf)
    winner = np.full(grad.shape, -1)
    taps = zip(windows.taps(padded, kernel, stride, (1, 1)), windows.taps(read, kernel, stride, (1, 1)), strict=True)
    for number, ((_, view), (_, own)) in enumerate(taps):
        better = own & ((view > best) | np.isnan(view) | (winner < 0))
        best, winner = np.where(better, view, best), np.where(better, number, winner)
    out = np.zeros(padded.shape)
    for number, (_, place) in enumerate(windows.taps(out, kernel, stride, (1, 1))):
        place += np.where(winner == number, grad, 0)
    return _inner(out, padding)


def mean_pool2d(grad: Array, shape: tuple[int, ...], kernel: Pair, stride: Pair, padding: Padding,
                counts: Array | float, dilation: Pair = (1, 1)) -> Doubles:  # fmt: skip
    """dC/dx of ``shape (N, H, W, C)`` from ``grad (N, Ho, Wo, C)``; counts: what each mean was divided by.

    Raises ShapeError, RangeError.

    >>> mean_pool2d(np.full((1, 1, 1, 1), 8.0), (1, 2, 2, 1), (2, 2), (2, 2), (0, 0, 0, 0), 4.0)[0, :, :, 0].tolist()
    [[2.0, 2.0], [2.0, 2.0]]
    """
    n, h, w, c = shape
    top, left, bottom, right = padding
    checks.shape("mean_pool2d", "gradient", grad, (n, *window_output((h, w), kernel, stride, padding, dilation), c))
    out = np.zeros((n, h + top + bottom, w + left + right, c))
    for _, place in windows.taps(out, kernel, stride, dilation):
        place += grad / counts
    return _inner(out, padding)


def tap_counts(size: Pair, kernel: Pair, stride: Pair, padding: Padding, out: Pair) -> Doubles:
    """``(Ho, Wo, 1)``: how many taps of each window read the picture itself."""
    rows = windows.inside(size[0], kernel[0], stride[0], padding[0], 1, out[0]).sum(axis=1)
    columns = windows.inside(size[1], kernel[1], stride[1], padding[1], 1, out[1]).sum(axis=1)
    return np.outer(rows, columns).astype(np.float64)[:, :, None]


def _inner(padded: Array, padding: Padding) -> Doubles:
    top, left, bottom, right = padding
    return padded[:, top : padded.shape[1] - bottom, left : padded.shape[2] - right]
