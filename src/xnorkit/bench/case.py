"""The data of one work, by meaning, and the answers the reference gives: every system starts from the same arrays.

>>> from .works import conv
>>> case = Case(conv(3, 8, 4), seed=0)
>>> case.x.shape, case.weight.shape, case.bits.shape
((1, 4, 4, 8), (8, 3, 3, 8), (1, 4, 4, 8))
>>> int(case.sums.max()) <= 3 * 3 * 8
True
"""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..reference import activations, binary, linear, thresholds
from ..runtime.session import Session
from .net_graph import build_float_graph, build_graph
from .nets import NETS, Net
from .parameters import as_float
from .works import Work

THRESHOLD_SPAN = 20
"""Thresholds lie in -20..19: near the middle of the sums, so that both signs are common."""


class Case:
    """Arrays of a layer; each is made when first asked for and kept. Read only: systems copy what they re-arrange.

    A dense layer is a 1x1 convolution of one pixel, its weight ``(O, 1, 1, C)``. A net has
    pictures and the answers of its two forms; its weights come from ``parameters.py``.
    """

    def __init__(self, work: Work, seed: int = 0) -> None:
        self.work, self.seed = work, seed

    def _rng(self, stream: int) -> np.random.Generator:
        return np.random.default_rng((self.seed, stream))

    @property
    def _window(self) -> dict[str, Any]:
        work = self.work
        return {"stride": (work.stride,) * 2, "padding": (work.padding,) * 4}

    @cached_property
    def x(self) -> NDArray[np.int8]:
        """int8 -1/+1 (N, H, W, C)."""
        work = self.work
        return self._rng(0).choice(np.array([-1, 1], np.int8), (work.batch, work.size, work.size, work.channels))

    @cached_property
    def weight(self) -> NDArray[np.int8]:
        """int8 -1/+1 (O, kH, kW, C)."""
        work = self.work
        shape = (work.out_channels, work.kernel, work.kernel, work.channels)
        return self._rng(1).choice(np.array([-1, 1], np.int8), shape)

    @cached_property
    def threshold(self) -> NDArray[np.int32]:
        """int32 (O,): the bit is -1 where the sum is below it."""
        return self._rng(2).integers(-THRESHOLD_SPAN, THRESHOLD_SPAN, self.work.out_channels, np.int32)

    @cached_property
    def flip(self) -> NDArray[np.int8]:
        """int8 (O,): +1, or -1 where the comparison is reversed (a negative batch norm scale)."""
        return self._rng(3).choice(np.array([-1, 1], np.int8), self.work.out_channels)

    @cached_property
    def scale(self) -> NDArray[np.float32]:
        """float32 (O,), of the float -> float layer: ``sums * scale + bias``."""
        return self._rng(4).uniform(0.5, 1.5, self.work.out_channels).astype(np.float32)

    @cached_property
    def bias(self) -> NDArray[np.float32]:
        """float32 (O,)."""
        return self._rng(5).uniform(-1, 1, self.work.out_channels).astype(np.float32)

    @cached_property
    def x_u8(self) -> NDArray[np.uint8]:
        """uint8 0..127 (N, H, W, C): two products fit 16 bits, so AVX2's saturating byte products stay exact."""
        return self._rng(6).integers(0, 128, self.x.shape, np.uint8)

    @cached_property
    def weight_i8(self) -> NDArray[np.int8]:
        """int8 -127..127 (O, kH, kW, C)."""
        return self._rng(7).integers(-127, 128, self.weight.shape, np.int8)

    @cached_property
    def pixels(self) -> NDArray[np.uint8]:
        """uint8 (N, H, W, C), multiples of 16, the picture a net sees: ``parameters.py`` says why."""
        work = self.work
        shape = (work.batch, work.size, work.size, work.channels)
        return (self._rng(8).integers(0, 16, shape) * 16).astype(np.uint8)

    @cached_property
    def picture(self) -> NDArray[np.float32]:
        """float32 (N, H, W, C), ``pixels`` in [0, 1)."""
        return as_float(self.pixels)

    @property
    def net(self) -> Net:
        """The work's net."""
        return NETS[self.work.net]

    @cached_property
    def binary_answer(self) -> NDArray[np.float32]:
        """float32 (N, 1, 1, O): the binary net, by the NumPy reference."""
        graph = build_graph(self.net, self.seed, size=self.work.size)
        return _rows(Session(graph, backend="reference")(self.picture))

    @cached_property
    def float_values(self) -> dict[str, NDArray[np.float32]]:
        """float32 (N, H, W, C) of every layer of the float net by name, on our own float layers."""
        graph = build_float_graph(self.net, self.seed, self.work.size)
        found = Session(graph, taps=[node.name for node in graph.nodes])(self.picture)
        return {name: _rows(value) for name, value in found.items()}

    @property
    def float_answer(self) -> NDArray[np.float32]:
        """float32 (N, 1, 1, O): the last of ``float_values``."""
        return self.float_values[self.net.float[-1].name]

    @cached_property
    def sums(self) -> NDArray[np.int32]:
        """int32 (N, Ho, Wo, O): the binary layer by meaning. A padded tap adds nothing."""
        if self.work.kind == "dense":
            return binary.bdense(self.x, self.weight.reshape(len(self.weight), -1))
        return binary.bconv2d(self.x, self.weight, **self._window)

    @cached_property
    def bits(self) -> NDArray[np.int8]:
        """int8 -1/+1 (N, Ho, Wo, O): ``sums`` against ``threshold`` and ``flip``."""
        return thresholds.apply(self.sums, self.threshold, self.flip)

    @cached_property
    def affine(self) -> NDArray[np.float32]:
        """float32 (N, Ho, Wo, O): ``sums * scale + bias``."""
        return activations.affine(self.sums, self.scale, self.bias)

    @cached_property
    def sums_i8(self) -> NDArray[np.int32]:
        """int32 (N, Ho, Wo, O): the layer of ``x_u8`` and ``weight_i8``, zero padding."""
        if self.work.kind == "dense":
            return linear.qdense(self.x_u8, self.weight_i8.reshape(len(self.weight_i8), -1))
        return linear.qconv2d(self.x_u8, self.weight_i8, **self._window)


def _rows(value: NDArray[np.float32]) -> NDArray[np.float32]:
    return value[:, None, None, :] if value.ndim == 2 else value
