"""Sizes: value types, window arithmetic, and the limits every room obeys.

>>> window_output((28, 28), (5, 5), (1, 1), (0, 0, 0, 0), (1, 1))
(24, 24)
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ..errors import LimitError, RangeError, ShapeError

MAX_DIM = 65_535
"""Largest H, W, C, O, kernel, stride, dilation or padding."""
MAX_ELEMENTS = 1 << 31
"""Elements in one value of one image, or in one tensor: stay below this."""

DTYPES = ("u8", "i32", "f32", "bits")
"""Element types of values. ``bits`` holds -1/+1; see ``bits.py`` for its bytes."""


@dataclass(frozen=True)
class TensorType:
    """Type of one value for one image: element type and ``(H, W, C)``; vectors are ``(1, 1, C)``."""

    dtype: str
    shape: tuple[int, int, int]

    def __post_init__(self) -> None:
        if self.dtype not in DTYPES:
            raise ShapeError("type", "element type", got=self.dtype, expected=DTYPES)
        if len(self.shape) != 3 or any(d < 1 for d in self.shape):
            raise ShapeError("type", "shape", got=self.shape, expected="(H, W, C), each at least 1")
        checked_product(self.shape)

    def __str__(self) -> str:
        return f"{self.dtype}[{'x'.join(map(str, self.shape))}]"


def checked_product(dims: Iterable[int]) -> int:
    """Product of sizes. Raises LimitError at MAX_ELEMENTS or above (Python integers never wrap; the engine's would)."""
    total = 1
    for d in dims:
        total *= d
    if total >= MAX_ELEMENTS:
        raise LimitError("shape", "number of elements", got=total, expected=f"less than {MAX_ELEMENTS}")
    return total


def window_output(
    size: tuple[int, int],
    kernel: tuple[int, int],
    stride: tuple[int, int],
    padding: tuple[int, int, int, int],
    dilation: tuple[int, int],
) -> tuple[int, int]:
    """Output size of a window: floor((W - D(F-1) - 1 + P) / S) + 1 per axis, P the sum of both sides' padding.

    ``padding`` is (top, left, bottom, right). Raises ShapeError when the window does not fit even once, RangeError for
    a kernel, stride or dilation below 1, a padding below 0, or any of them above MAX_DIM.
    """
    _require_range("kernel", kernel, 1)
    _require_range("stride", stride, 1)
    _require_range("dilation", dilation, 1)
    _require_range("padding", padding, 0)
    top, left, bottom, right = padding
    out = []
    for n, f, s, p, d in zip(size, kernel, stride, (top + bottom, left + right), dilation, strict=True):
        span = d * (f - 1) + 1
        if n + p < span:
            expected = "no wider than the padded input"
            raise ShapeError("window", "kernel", got=f"{span} wide on {n + p}", expected=expected)
        out.append((n + p - span) // s + 1)
    return out[0], out[1]


def exact_output(
    size: tuple[int, int], kernel: tuple[int, int], stride: tuple[int, int], padding: tuple[int, int, int, int]
) -> tuple[int, int]:
    """``(W - F + P) / S + 1`` where S divides evenly, P the padding of both sides: the textbook's rule.

    ``window_output`` rounds down instead, as PyTorch does: pixels right and below the last window are then never read.
    Raises ShapeError where that would happen; the hint says by how much to pad.

    >>> exact_output((32, 32), (5, 5), (1, 1), (2, 2, 2, 2))
    (32, 32)
    >>> exact_output((10, 10), (3, 3), (2, 2), (0, 0, 0, 0))
    Traceback (most recent call last):
        ...
    xnorkit.errors.ShapeError: [window] stride: got 2, expected a divisor of W - F + P = 7
    hint: pad by 1 more pixel, or crop 1
    """
    found = window_output(size, kernel, stride, padding, (1, 1))
    top, left, bottom, right = padding
    for n, f, s, p in zip(size, kernel, stride, (top + bottom, left + right), strict=True):
        room = n - f + p
        if room % s:
            raise ShapeError(
                "window",
                "stride",
                got=s,
                expected=f"a divisor of W - F + P = {room}",
                hint=f"pad by {s - room % s} more pixel{'s' * (s - room % s > 1)}, or crop {room % s}",
            )
    return found


def _require_range(what: str, values: tuple[int, ...], low: int) -> None:
    if not all(low <= v <= MAX_DIM for v in values):
        raise RangeError("window", what, got=tuple(values), expected=f"each in {low}..{MAX_DIM}")
