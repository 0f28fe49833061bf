"""Sliding windows over NHWC arrays: padding, one strided view per tap, patches as rows of a matrix.

Convolutions and pools share this file, so that a tap means the same place everywhere: output (y, x) reads, at tap
(i, j), the padded input at (y*sH + i*dH, x*sW + j*dW).

>>> x = np.arange(9).reshape(1, 3, 3, 1)
>>> [v[0, :, :, 0].tolist() for _, v in taps(x, (1, 2), (2, 1), (1, 1))]
[[[0, 1], [6, 7]], [[1, 2], [7, 8]]]
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import DTypeLike, NDArray

from .shapes import window_output

Array = NDArray[Any]
Pair = tuple[int, int]
Padding = tuple[int, int, int, int]

PATCH_ELEMENTS = 1 << 22
"""Patches are made for as many images at once as keep one block of them near this many elements."""


def pad(x: Array, padding: Padding, value: float) -> Array:
    """``(N, H, W, C)`` with ``(top, left, bottom, right)`` borders of ``value``; the input itself when all are 0."""
    top, left, bottom, right = padding
    if not any(padding):
        return x
    return np.pad(x, ((0, 0), (top, bottom), (left, right), (0, 0)), constant_values=value)


def taps(x: Array, kernel: Pair, stride: Pair, dilation: Pair) -> Iterator[tuple[Pair, Array]]:
    """((i, j), view ``(N, Ho, Wo, C)``) for every tap of a padded input, in (kh, kw) order."""
    ho, wo = window_output((x.shape[1], x.shape[2]), kernel, stride, (0, 0, 0, 0), dilation)
    for i, j in product(range(kernel[0]), range(kernel[1])):
        top, left = i * dilation[0], j * dilation[1]
        rows = slice(top, top + (ho - 1) * stride[0] + 1, stride[0])
        columns = slice(left, left + (wo - 1) * stride[1] + 1, stride[1])
        yield (i, j), x[:, rows, columns]


def patches(x: Array, kernel: Pair, stride: Pair, dilation: Pair, groups: int, dtype: DTypeLike) -> Array:
    """Every window of a padded input as one row in (kh, kw, c) order: ``(groups, N*Ho*Wo, kH*kW*C/groups)``."""
    spans = tuple(d * (k - 1) + 1 for d, k in zip(dilation, kernel, strict=True))
    views = sliding_window_view(x.astype(dtype), spans, axis=(1, 2))
    views = views[:, :: stride[0], :: stride[1], :, :: dilation[0], :: dilation[1]]
    n, ho, wo, c = views.shape[:4]
    rows = np.moveaxis(views, 3, 5).reshape(n, ho, wo, *kernel, groups, c // groups)
    return np.moveaxis(rows, 5, 0).reshape(groups, n * ho * wo, -1)


def image_blocks(images: int, elements_per_image: int, limit: int = PATCH_ELEMENTS) -> Iterator[slice]:
    """Slices of the batch, each of about ``limit`` elements and at least one image.

    >>> list(image_blocks(5, 10, limit=20))
    [slice(0, 2, None), slice(2, 4, None), slice(4, 5, None)]
    """
    step = max(1, limit // max(1, elements_per_image))
    for begin in range(0, images, step):
        yield slice(begin, min(begin + step, images))


def inside(size: int, kernel: int, stride: int, pad_before: int, dilation: int, out: int) -> Array:
    """``(out, kernel)`` bool along one axis: does output o's tap k read the input itself, not its padding?

    >>> inside(3, 3, 1, 1, 1, 3).astype(int).tolist()
    [[0, 1, 1], [1, 1, 1], [1, 1, 0]]
    """
    at = np.arange(out)[:, None] * stride + np.arange(kernel)[None, :] * dilation - pad_before
    return np.asarray((at >= 0) & (at < size))
