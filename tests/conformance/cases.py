"""Random binary layers, each drawn from its own number: ``case(17)`` is the same layer on every machine.

Sizes crowd around what breaks kernels: channel counts next to multiples of 8, 32 and 64, groups that start inside a
byte, output counts next to a tile, taps outside the picture on one side only, windows that skip pixels.

>>> case(3) == case(3), case(3) == case(4)
(True, False)
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from xnorkit.reference import thresholds
from xnorkit.reference.shapes import window_output

Array = NDArray[Any]
SEED = 20160316
LARGEST_MACS = 1_500_000
"""Multiply-adds of one case: the suite must stay quick."""

_EDGES = (8, 16, 32, 64, 96, 128, 192)


@dataclass(frozen=True)
class Case:
    """One layer and what follows it. ``padding`` is (top, left, bottom, right); sizes are of the input."""

    number: int
    op: Literal["bconv2d", "bdense"]
    batch: int
    size: tuple[int, int]
    channels: int
    outputs: int
    kernel: tuple[int, int] = (1, 1)
    stride: tuple[int, int] = (1, 1)
    padding: tuple[int, int, int, int] = (0, 0, 0, 0)
    dilation: tuple[int, int] = (1, 1)
    groups: int = 1
    pad_value: int = 0

    @property
    def geometry(self) -> dict[str, Any]:
        """Attributes of ``bconv2d`` but the kernel and the output channels."""
        return {"stride": self.stride, "padding": self.padding, "dilation": self.dilation, "groups": self.groups,
                "pad_value": self.pad_value}  # fmt: skip

    @property
    def fan_in(self) -> int:
        """Products of one accumulator."""
        return self.kernel[0] * self.kernel[1] * self.channels // self.groups

    @property
    def macs(self) -> int:
        """Multiply-adds of the whole case."""
        ho, wo = window_output(self.size, self.kernel, self.stride, self.padding, self.dilation)
        return self.batch * ho * wo * self.outputs * self.fan_in

    @property
    def symmetric(self) -> bool:
        """Equal padding on opposite sides: all that PyTorch's convolutions can say."""
        return self.padding[:2] == self.padding[2:]

    @cached_property
    def x(self) -> NDArray[np.float32]:
        """Real-valued input ``(N, H, W, C)``; zeros of both signs included, which are +1."""
        x = self._rng(1).standard_normal((self.batch, *self.size, self.channels)).astype(np.float32)
        x[self._rng(2).random(x.shape) < 0.02] = 0.0
        x[self._rng(3).random(x.shape) < 0.02] = -0.0
        extreme = self._rng(8).random(self.batch)
        x[extreme < 0.1] = 1.0  # with a filter of one sign: the largest and the smallest accumulator
        x[extreme > 0.9] = -1.0
        return x

    @cached_property
    def weight(self) -> NDArray[np.int8]:
        """-1/+1 ``(O, kH, kW, C/groups)``, or ``(O, C)``; some filters all +1, for extreme accumulators."""
        shape = (self.outputs, *self.kernel, self.channels // self.groups)
        w = (1 - 2 * self._rng(4).integers(0, 2, shape)).astype(np.int8)
        w[self._rng(5).random(self.outputs) < 0.05] = 1
        return w if self.op == "bconv2d" else w.reshape(self.outputs, self.channels)

    @cached_property
    def threshold(self) -> dict[str, Array]:
        """Tensors of a ``threshold``: around typical accumulators, with constant and never reached ones among them."""
        rng, spread = self._rng(6), int(3 * self.fan_in**0.5) + 1
        t = rng.integers(-spread, spread + 1, self.outputs)
        kind = rng.random(self.outputs)
        t[kind < 0.1] = thresholds.NEVER_BELOW
        t[kind > 0.95] = 2**31 - 1
        t[(kind > 0.9) & (kind <= 0.95)] = self.fan_in
        flip = 1 - 2 * rng.integers(0, 2, self.outputs)
        return {"threshold": t.astype(np.int32), "flip": flip.astype(np.int8)}

    @cached_property
    def affine(self) -> dict[str, Array]:
        """Tensors of an ``affine``."""
        rng = self._rng(7)
        return {name: rng.standard_normal(self.outputs).astype(np.float32) for name in ("scale", "bias")}

    def _rng(self, stream: int) -> np.random.Generator:
        return np.random.default_rng((SEED, self.number % 2**32, stream))


LONG_SUMS = (
    Case(-1, "bdense", 3, (1, 1), 32_767, 70),
    Case(-2, "bdense", 3, (1, 1), 32_768, 3),
    Case(-3, "bdense", 5, (1, 1), 40_001, 65),
    Case(-4, "bdense", 2, (1, 1), 65_535, 66),
    Case(-5, "bconv2d", 2, (3, 3), 4_099, 33, (3, 3), padding=(1, 1, 1, 1)),
    Case(-6, "bconv2d", 2, (3, 2), 3_700, 34, (3, 3), padding=(1, 1, 1, 1), pad_value=-1),
    Case(-7, "bconv2d", 1, (5, 5), 2_700, 10, (5, 5), padding=(2, 2, 2, 2), groups=2, pad_value=1),
)
"""Sums next to and beyond the range of int16."""


def case(number: int) -> Case:
    """The layer of that number; every eighth is dense."""
    rng = np.random.default_rng((SEED, number))
    while True:
        drawn = _dense(number, rng) if number % 8 == 7 else _conv(number, rng)
        if drawn.macs <= LARGEST_MACS:
            return drawn


def _count(rng: np.random.Generator, high: int) -> int:
    """1..high: a third small, a third next to a tile's edge, a third anywhere."""
    kind = rng.integers(3)
    if kind == 0:
        return int(rng.integers(1, min(high, 12) + 1))
    near = int(rng.choice(_EDGES)) + int(rng.integers(-1, 2))
    return near if kind == 1 and near <= high else int(rng.integers(1, high + 1))


def _dense(number: int, rng: np.random.Generator) -> Case:
    channels = _count(rng, 200) if rng.random() < 0.5 else int(rng.integers(200, 2000))
    return Case(number, "bdense", int(rng.integers(1, 10)), (1, 1), channels, _count(rng, 200))


def _conv(number: int, rng: np.random.Generator) -> Case:
    pair = lambda high: (int(rng.integers(1, high + 1)), int(rng.integers(1, high + 1)))  # noqa: E731
    groups = int(rng.choice((1, 1, 1, 2, 3, 4, 5, 8)))
    group_channels, group_outputs = _count(rng, max(1, 200 // groups)), _count(rng, max(1, 140 // groups))
    if rng.random() < 0.04:  # depthwise
        groups, group_channels, group_outputs = int(rng.integers(2, 40)), 1, int(rng.integers(1, 3))
    kernel = (3, 3) if rng.random() < 0.4 else pair(5)
    dilation = (1, 1) if rng.random() < 0.6 else pair(3)
    spans = [d * (k - 1) + 1 for d, k in zip(dilation, kernel, strict=True)]
    # A border may be as wide as the window itself: then whole windows see only padding.
    sides = [int(rng.integers(0, spans[axis % 2] + 1)) if rng.random() < 0.6 else 0 for axis in range(4)]
    if rng.random() < 0.7:
        sides[2:] = sides[:2]
    least = [max(1, span - sides[axis] - sides[axis + 2]) for axis, span in enumerate(spans)]
    size = (least[0] + int(rng.integers(0, 7)), least[1] + int(rng.integers(0, 7)))
    stride = (1, 1) if rng.random() < 0.5 else pair(3)
    top, left, bottom, right = sides
    return Case(number, "bconv2d", int(rng.integers(1, 4)), size, groups * group_channels, groups * group_outputs,
                kernel, stride, (top, left, bottom, right), dilation, groups, int(rng.choice((0, 1, -1))))  # fmt: skip
