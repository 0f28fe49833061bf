"""Our engine's binary weights on wider activations: uint8 or float32 in -> wconv2d -> affine -> float32 out.

The word "bwn" in a system's name is what ``goals`` looks for. "kbit" rows have 2-bit weights on 2-bit codes. All are
timed by the program's own clock: no array is converted around the layer.
"""

from __future__ import annotations

from functools import partial
from importlib.metadata import version
from typing import Any

import numpy as np

from ...graph.build import GraphBuilder
from ...graph.ir import Graph
from ...reference import activations, wbits
from ...runtime.cpu import isa
from ..case import Case
from .contract import Array, Peer, require_equal
from .session_runner import SessionRunner

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
        tensors = {"weight": weight}
        sums = b.add("wconv2d", x, out_channels=work.out_channels, tensors=tensors, **work.window, **attrs)
    return b.graph([b.add("affine", sums, tensors={"scale": case.scale, "bias": case.bias})])


class FewBitRunner(SessionRunner):
    """One layer."""

    def __init__(self, case: Case, threads: int, *, dtype: str, **attrs: Any) -> None:
        x = case.x_u8 if dtype == "u8" else case.x_u8.astype(np.float32) / 64
        super().__init__(layer_graph(case, dtype, **attrs), x, case.work.out_shape, threads)
        self.attrs = attrs

    def check(self, case: Case) -> None:
        self.run()
        weight, work = planes_of(case, self.attrs.get("planes", 1)), case.work
        codes = {k: v for k, v in self.attrs.items() if k != "planes"}
        sums = wbits.wconv2d(self._x, weight, stride=(work.stride,) * 2, padding=(work.padding,) * 4, **codes)
        require_equal("xnorkit", self.answer(), activations.affine(sums, case.scale, case.bias))

    def seconds(self) -> float:
        return self.step_seconds()


def _peer(words: str) -> Peer:
    prepare = partial(FewBitRunner, **VARIANTS[words])
    return Peer(f"xnorkit {isa()} {words}", "binary", "pip install xnorkit", lambda work: work.kind != "net", prepare,
                lambda: version("xnorkit"))  # fmt: skip


PEERS = tuple(_peer(words) for words in VARIANTS)
