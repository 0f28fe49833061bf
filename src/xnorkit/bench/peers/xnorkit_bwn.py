"""Our engine's binary weights on wider activations: uint8 or float32 in -> wconv2d -> affine -> float32 out.

The word "bwn" in a system's name is what ``goals`` looks for. "kbit" rows have 2-bit weights on 2-bit codes. All are
timed by the program's own clock: no array is converted around the layer.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import version
from typing import Any

import numpy as np

from ...graph.build import GraphBuilder
from ...graph.ir import Graph
from ...reference import activations, wbits
from ...runtime.cpu import isa
from ...runtime.session import Session
from ..case import Case
from .contract import Array, Peer, Runner, require_equal

VARIANTS: dict[str, dict[str, Any]] = {
    "bwn u8": {"dtype": "u8"},
    "bwn f32": {"dtype": "f32"},
    "kbit 2x2": {"dtype": "u8", "planes": 2, "activation_bits": 2},
}
"""Last words of the system's name -> element type and attributes of the layer."""


def planes_of(case: Case, planes: int) -> Array:
    """int8 -1/+1 ``(P, O, kH, kW, C)``: the binary weight, then the same with its outputs rolled."""
    return np.stack([np.roll(case.weight, i, axis=0) for i in range(planes)])


def layer_graph(case: Case, dtype: str, **attrs: Any) -> Graph:
    """Input -> few-bit layer -> affine, all fused into one step."""
    work, b = case.work, GraphBuilder()
    x, weight = b.input("x", dtype, (work.size, work.size, work.channels)), planes_of(case, attrs.get("planes", 1))
    if work.kind == "dense":
        flat = weight.reshape(len(weight), work.out_channels, -1)
        sums = b.add("wdense", x, out_features=work.out_channels, tensors={"weight": flat}, **attrs)
    else:
        window: dict[str, Any] = {
            "kernel": (work.kernel,) * 2,
            "stride": (work.stride,) * 2,
            "padding": (work.padding,) * 4,
        }
        tensors = {"weight": weight}
        sums = b.add("wconv2d", x, out_channels=work.out_channels, tensors=tensors, **window, **attrs)
    return b.graph([b.add("affine", sums, tensors={"scale": case.scale, "bias": case.bias})])


class FewBitRunner(Runner):
    """One layer."""

    def __init__(self, case: Case, threads: int, dtype: str, attrs: dict[str, Any]) -> None:
        self.session = Session(layer_graph(case, dtype, **attrs), threads=threads)
        self.attrs = attrs
        self._x = case.x_u8 if dtype == "u8" else case.x_u8.astype(np.float32) / 64
        self._shape = (case.work.batch, case.work.out_size, case.work.out_size, case.work.out_channels)
        self._answer: Array = np.empty(0)

    def run(self) -> None:
        self._answer = self.session(self._x)

    def answer(self) -> Array:
        return self._answer.reshape(self._shape)

    def check(self, case: Case) -> None:
        self.run()
        weight, work = planes_of(case, self.attrs.get("planes", 1)), case.work
        codes = {k: v for k, v in self.attrs.items() if k != "planes"}
        sums = wbits.wconv2d(self._x, weight, stride=(work.stride,) * 2, padding=(work.padding,) * 4, **codes)
        require_equal("xnorkit", self.answer(), activations.affine(sums, case.scale, case.bias))

    def seconds(self) -> float:
        return sum(row.seconds for row in self.session.profile(self._x).rows)


def _peer(words: str) -> Peer:
    attrs = dict(VARIANTS[words])
    dtype = attrs.pop("dtype")
    prepare: Callable[[Case, int], Runner] = lambda case, threads: FewBitRunner(case, threads, dtype, attrs)  # noqa: E731
    return Peer(f"xnorkit {isa()} {words}", "binary", "pip install xnorkit", lambda work: work.kind != "net", prepare,
                lambda: version("xnorkit"))  # fmt: skip


PEERS = tuple(_peer(words) for words in VARIANTS)
