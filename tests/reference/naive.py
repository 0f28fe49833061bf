"""Oracles for the reference itself: plain loops over one number at a time, and strategies that draw windows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

Array = NDArray[Any]


@dataclass(frozen=True)
class Window:
    """A drawn convolution: sizes and geometry; the values come from ``seed``."""

    n: int
    size: tuple[int, int]
    groups: int
    group_channels: int
    group_outputs: int
    kernel: tuple[int, int]
    stride: tuple[int, int]
    dilation: tuple[int, int]
    padding: tuple[int, int, int, int]
    seed: int

    @property
    def channels(self) -> int:
        return self.groups * self.group_channels

    @property
    def geometry(self) -> dict[str, Any]:
        return {"stride": self.stride, "padding": self.padding, "dilation": self.dilation, "groups": self.groups}

    def draw(self, value: Callable[[np.random.Generator, tuple[int, ...]], Array]) -> tuple[Array, Array]:
        """x ``(N, H, W, C)`` and w ``(O, kH, kW, C/groups)``."""
        rng = np.random.default_rng(self.seed)
        outputs = self.groups * self.group_outputs
        return value(rng, (self.n, *self.size, self.channels)), value(rng, (outputs, *self.kernel, self.group_channels))


@st.composite
def windows(draw: st.DrawFn, max_channels: int = 20) -> Window:
    """Small windows of every kind: odd channels, groups, dilation, strides, one-sided padding, non-square."""
    pair = lambda high: (draw(st.integers(1, high)), draw(st.integers(1, high)))  # noqa: E731
    kernel, dilation = pair(3), pair(3)
    padding = tuple(draw(st.integers(0, 3)) for _ in range(4))
    spans = [d * (k - 1) + 1 for d, k in zip(dilation, kernel, strict=True)]
    least = [max(1, s - padding[a] - padding[a + 2]) for a, s in enumerate(spans)]
    size = (draw(st.integers(least[0], least[0] + 5)), draw(st.integers(least[1], least[1] + 5)))
    return Window(draw(st.integers(1, 2)), size, draw(st.integers(1, 4)), draw(st.integers(1, max_channels)),
                  draw(st.integers(1, 4)), kernel, pair(3), dilation, padding, draw(st.integers(0, 2**32 - 1)))  # type: ignore[arg-type]  # fmt: skip


def random_signs(rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    return (1 - 2 * rng.integers(0, 2, shape)).astype(np.int8)


def naive_conv(x: Array, w: Array, case: Window, pad_value: int, out_of: Array) -> Array:
    """Seven loops. Accumulates in the type of ``out_of``'s elements, in (kh, kw, c) order; fills and returns it."""
    o_group = w.shape[0] // case.groups
    for n, y, z, o in np.ndindex(*out_of.shape):
        acc = out_of.dtype.type(0)
        for i, j, c in product(range(w.shape[1]), range(w.shape[2]), range(w.shape[3])):
            row = y * case.stride[0] + i * case.dilation[0] - case.padding[0]
            column = z * case.stride[1] + j * case.dilation[1] - case.padding[1]
            outside = not (0 <= row < x.shape[1] and 0 <= column < x.shape[2])
            channel = (o // o_group) * w.shape[3] + c
            value = pad_value if outside else x[n, row, column, channel]
            acc = acc + out_of.dtype.type(value) * out_of.dtype.type(w[o, i, j, c])
        out_of[n, y, z, o] = acc
    return out_of
