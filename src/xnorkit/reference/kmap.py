"""XNOR-Net's K: how large the input of a binary convolution is, output pixel by output pixel, and the product with it.

``A = mean_c |x|``, ``K = A`` convolved with a box filter as large as the convolution's kernel, and the layer is
``(sign(x) * sign(w)) K[h, w] alpha[o]`` (Rastegari et al. 2016, sec. 3.2). Zero padding counts as zeros. What is
said of float32 holds for float64, which gradient checks need.

>>> x = np.array([[1, -3], [0, 4]], np.float32).reshape(1, 2, 1, 2)
>>> kmap(x, (3, 1), padding=(1, 0, 1, 0))[0, :, 0, 0].tolist()        # A = 2, 2
[1.3333333730697632, 1.3333333730697632]
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import ShapeError
from . import checks, windows
from .shapes import window_output

Array = NDArray[Any]
LANES = 16
"""Channel c is added to partial sum c mod 16: what vectors of 4, 8 or 16 floats do alike."""


def abs_mean(x: Array) -> Array:
    """A ``(N, H, W, 1)``: mean of |x| over the channels of float32 ``(N, H, W, C)``, in a fixed order.

    Sixteen sums from +0, channel c added to sum c mod 16 in order; then sum l takes sum l + 8, l + 4, l + 2, l + 1;
    one division by C. Raises ShapeError, DTypeError.

    >>> abs_mean(np.array([[[[3, -5]]]], np.float32)).tolist()
    [[[[4.0]]]]
    """
    checks.rank("abs_mean", "x", x, "N H W C")
    checks.floats("abs_mean", x)
    channels = x.shape[3]
    sums = np.zeros((*x.shape[:3], LANES), x.dtype)
    for first in range(0, channels, LANES):
        part = np.abs(x[..., first : first + LANES])
        sums[..., : part.shape[3]] += part
    for half in (8, 4, 2, 1):
        sums = sums[..., :half] + sums[..., half:]
    return np.asarray(sums / x.dtype.type(channels))


def kmap(
    x: Array,
    kernel: tuple[int, int],
    stride: tuple[int, int] = (1, 1),
    padding: tuple[int, int, int, int] = (0, 0, 0, 0),
    dilation: tuple[int, int] = (1, 1),
) -> Array:
    """K ``(N, Ho, Wo, 1)`` of float32 ``(N, H, W, C)``: the mean of ``abs_mean`` over windows, padded taps being 0.

    Additions from +0 in (kh, kw) order, one division by kH*kW. The window is the convolution's own.
    Raises ShapeError, DTypeError, RangeError.
    """
    ho, wo = window_output(x.shape[1:3], kernel, stride, padding, dilation)
    total = np.zeros((x.shape[0], ho, wo, 1), x.dtype)
    for _, view in windows.taps(windows.pad(abs_mean(x), padding, 0), kernel, stride, dilation):
        total += view
    return np.asarray(total / x.dtype.type(kernel[0] * kernel[1]))


def scale_map(x: Array, factor: Array) -> Array:
    """fl(float(x) * factor[h, w]): int32 or float32 ``(N, H, W, C)`` times one float32 a pixel, ``(N, H, W, 1)``.

    Raises DTypeError, ShapeError.

    >>> scale_map(np.array([[[[3, -5]]]], np.int32), np.array([[[[0.5]]]], np.float32)).tolist()
    [[[[1.5, -2.5]]]]
    """
    checks.rank("scale_map", "x", x, "N H W C")
    checks.dtype("scale_map", "x", x, "int32", "float32", "float64")
    width = "float64" if x.dtype == np.float64 else "float32"
    checks.dtype("scale_map", "factor", factor, width)
    if factor.shape != (*x.shape[:3], 1):
        raise ShapeError("scale_map", "factor", got=factor.shape, expected=(*x.shape[:3], 1))
    return np.asarray(x.astype(width) * factor)
