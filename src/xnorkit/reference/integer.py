"""Exact integer convolution and dense product: one matrix product, in a floating type that bounds.py proves exact.

NumPy's integer matmul has no fast path; BLAS has. Every partial sum lies within the bound, so up to 2^24 float32, and
up to 2^53 float64, adds integers without rounding, in whatever order BLAS chooses.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import ShapeError
from . import bounds, checks, windows
from .shapes import window_output

Array = NDArray[Any]


def conv_geometry(
    where: str,
    x: Array,
    w: Array,
    stride: tuple[int, int],
    padding: tuple[int, int, int, int],
    dilation: tuple[int, int],
    groups: int,
) -> tuple[int, int]:
    """(Ho, Wo) of a convolution of ``x (N, H, W, C)`` with ``w (O, kH, kW, C/groups)``.

    Raises ShapeError for a wrong rank, channel count, groups, or a window that does not fit; RangeError for a
    stride, dilation or padding out of range.
    """
    checks.rank(where, "x", x, "N H W C")
    checks.rank(where, "weight", w, "O kH kW C/groups")
    c, o = x.shape[3], w.shape[0]
    if groups < 1 or c % groups or o % groups:
        raise ShapeError(where, "groups", got=groups, expected=f"a divisor of C={c} and O={o}")
    if w.shape[3] != c // groups:
        raise ShapeError(where, "weight channels", got=w.shape[3], expected=f"C/groups = {c // groups}")
    return window_output(x.shape[1:3], w.shape[1:3], stride, padding, dilation)


def integer_conv2d(
    where: str,
    x: Array,
    w: Array,
    stride: tuple[int, int],
    dilation: tuple[int, int],
    groups: int,
    bound: int,
) -> NDArray[np.int32]:
    """int32 ``(N, Ho, Wo, O)`` of an already padded ``x (N, H, W, C)``; ``bound`` is the largest possible |sum|.

    Raises LimitError when ``bound`` exceeds int32.
    """
    dtype = bounds.blas_dtype(where, bound)
    o, kernel = w.shape[0], (w.shape[1], w.shape[2])
    ho, wo = window_output(x.shape[1:3], kernel, stride, (0, 0, 0, 0), dilation)
    filters = w.reshape(groups, o // groups, -1).transpose(0, 2, 1).astype(dtype)
    out = np.empty((x.shape[0], ho, wo, o), np.int32)
    for block in windows.image_blocks(x.shape[0], ho * wo * w[0].size * groups):
        sums = windows.patches(x[block], kernel, stride, dilation, groups, dtype) @ filters
        out[block] = np.moveaxis(sums, 0, 1).reshape(-1, ho, wo, o)
    return out


def integer_dense(where: str, x: Array, w: Array, bound: int) -> NDArray[np.int32]:
    """int32 ``(N, 1, 1, O)`` of ``x (N, 1, 1, C)`` and ``w (O, C)``. Raises ShapeError, LimitError."""
    dense_geometry(where, x, w)
    dtype = bounds.blas_dtype(where, bound)
    sums = x[:, 0, 0].astype(dtype) @ w.T.astype(dtype)
    return np.asarray(sums.astype(np.int32)[:, None, None, :])


def dense_geometry(where: str, x: Array, w: Array) -> None:
    """Raises ShapeError unless ``x`` is ``(N, 1, 1, C)`` and ``w`` is ``(O, C)`` with the same C."""
    checks.rank(where, "x", x, "N 1 1 C")
    checks.rank(where, "weight", w, "O C")
    if x.shape[1:3] != (1, 1):
        raise ShapeError(where, "x", got=x.shape, expected="(N, 1, 1, C)", hint="flatten first")
    if w.shape[1] != x.shape[3]:
        raise ShapeError(where, "weight inputs", got=w.shape[1], expected=f"C = {x.shape[3]}")
