"""Backward of convolutions and matrix products. With g = dC/dy, p the padded input and t a tap at (i, j):

    y[n, h, w, o] = sum_(i, j, c)  p[n, h sH + i dH, w sW + j dW, c]  W[o, i, j, c]        (+ b[o])

    dC/dW[o, i, j, c] = sum_(n, h, w)  g[n, h, w, o]  p[n, h sH + i dH, w sW + j dW, c]
    dC/dp[n, y, x, c] = sum over the (h, w, i, j) that read (y, x), and o, of  g[n, h, w, o]  W[o, i, j, c]
    dC/db[o]          = sum_(n, h, w)  g[n, h, w, o]

One weight serves all pixels, so its gradient is the sum over all of them (LeCun et al., 1989). dC/dx is dC/dp without
the border; a border of -1 or +1 takes part in dC/dW. All float64.

>>> x, w = np.array([[1., 2.], [3., 4.]]).reshape(1, 2, 2, 1), np.array([[1., 2.], [3., 4.]]).reshape(1, 2, 2, 1)
>>> dx, dw = conv2d(x, w, np.ones((1, 2, 2, 1)), stride=(2, 2), padding=(1, 1, 1, 1))
>>> dx[0, :, :, 0].tolist(), dw[0, :, :, 0].tolist()          # each pixel is read once, by the opposite corner's tap
([[4.0, 3.0], [2.0, 1.0]], [[4.0, 3.0], [2.0, 1.0]])
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import checks, windows
from ..integer import conv_geometry

Array = NDArray[Any]
Doubles = NDArray[np.float64]


def conv2d(
    x: Array,
    w: Array,
    grad: Array,
    *,
    stride: tuple[int, int] = (1, 1),
    padding: tuple[int, int, int, int] = (0, 0, 0, 0),
    dilation: tuple[int, int] = (1, 1),
    groups: int = 1,
    pad_value: int = 0,
) -> tuple[Doubles, Doubles]:
    """(dC/dx ``(N, H, W, C)``, dC/dW ``(O, kH, kW, C/groups)``) from ``grad (N, Ho, Wo, O)``. Raises ShapeError."""
    ho, wo = conv_geometry("conv2d", x, w, stride, padding, dilation, groups)
    n, o = len(x), len(w)
    checks.shape("conv2d", "gradient", grad, (n, ho, wo, o))
    padded = windows.pad(x.astype(np.float64), padding, pad_value)
    from_padded, from_weight = np.zeros_like(padded), np.zeros(w.shape)
    outputs = grad.astype(np.float64).reshape(n, ho, wo, groups, o // groups)
    kernel = w.shape[1], w.shape[2]
    places = windows.taps(from_padded, kernel, stride, dilation)
    for ((i, j), view), (_, place) in zip(windows.taps(padded, kernel, stride, dilation), places, strict=True):
        pixels = view.reshape(n, ho, wo, groups, -1)
        filters = w[:, i, j].astype(np.float64).reshape(groups, o // groups, -1)
        from_weight[:, i, j] = np.einsum("nhwgo,nhwgc->goc", outputs, pixels, optimize=True).reshape(o, -1)
        place += np.einsum("nhwgo,goc->nhwgc", outputs, filters, optimize=True).reshape(view.shape)
    top, left, bottom, right = padding
    return from_padded[:, top : padded.shape[1] - bottom, left : padded.shape[2] - right], from_weight


def dense(x: Array, w: Array, grad: Array) -> tuple[Doubles, Doubles]:
    """(dC/dx ``(N, 1, 1, C)``, dC/dW ``(O, C)``) of y = W x, ``grad (N, 1, 1, O)``: g W and g^T x.

    >>> dx, dw = dense(np.array([[[[1., 2.]]]]), np.array([[3., 4.]]), np.array([[[[10.]]]]))
    >>> dx.ravel().tolist(), dw.tolist()
    ([30.0, 40.0], [[10.0, 20.0]])
    """
    from_input, from_weight = conv2d(x, w[:, None, None], grad)
    return from_input, from_weight[:, 0, 0]


def bias(grad: Array) -> Doubles:
    """dC/db ``(O,)``: the sum over images and pixels."""
    return np.asarray(grad.sum(axis=(0, 1, 2), dtype=np.float64))
