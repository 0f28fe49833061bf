"""Our engine: packed bits in -> convolution -> threshold -> packed bits out, and float in -> float out.

Packed to packed is timed by the program's own clock around the layer's steps: the pack of the float input before them
and the unpack of the output in Python are not the layer's. Float to float is the wall time of the whole call.
"""

from __future__ import annotations

import os
from dataclasses import replace
from functools import partial
from importlib.metadata import version

import numpy as np

from ...graph.build import GraphBuilder
from ...graph.ir import Graph
from ...runtime.cpu import isa, levels
from ..case import Case
from ..works import Work
from .contract import Peer, require_close, require_equal
from .session_runner import SessionRunner

INSTALL = "pip install xnorkit"


def layer_graph(case: Case, *, packed: bool) -> Graph:
    """f32 input -> sign -> binary layer -> threshold (``packed``) or affine."""
    work, b = case.work, GraphBuilder()
    x = b.add("sign", b.input("x", "f32", (work.size, work.size, work.channels)))
    if work.kind == "dense":
        weight = {"weight": case.weight.reshape(work.out_channels, -1)}
        sums = b.add("bdense", x, name="layer", out_features=work.out_channels, tensors=weight)
    else:
        tensors = {"weight": case.weight}
        sums = b.add("bconv2d", x, name="layer", out_channels=work.out_channels, tensors=tensors, **work.window)
    if packed:
        return b.graph([b.add("threshold", sums, tensors={"threshold": case.threshold, "flip": case.flip})])
    return b.graph([b.add("affine", sums, tensors={"scale": case.scale, "bias": case.bias})])


class LayerRunner(SessionRunner):
    """One layer on one instruction set level."""

    def __init__(self, case: Case, threads: int, *, level: str, packed: bool) -> None:
        graph = layer_graph(case, packed=packed)
        super().__init__(graph, case.x.astype(np.float32), case.work.out_shape, threads, level)
        self.packed = packed

    def check(self, case: Case) -> None:
        self.run()
        if self.packed:
            require_equal("xnorkit", self.answer(), case.bits)
        else:
            require_close("xnorkit", self.answer(), case.affine, share=1e-6)

    def seconds(self) -> float:
        if not self.packed:
            return super().seconds()
        return self.step_seconds("sign")

    @property
    def kernel(self) -> str:
        """The kernel the engine chose for the layer."""
        rows = self.session.profile(self._x).rows
        return next(row.kernel for row in rows if row.op in ("bconv2d", "bdense"))


def _is_layer(work: Work) -> bool:
    return work.kind != "net"


def _large(work: Work) -> bool:
    return work.is_large and (os.cpu_count() or 1) > 1


def _peer(level: str, packed: bool) -> Peer:
    prepare = partial(LayerRunner, level=level, packed=packed)
    system = f"xnorkit {level}" + ("" if packed else " float")
    return Peer(system, "binary", INSTALL, _is_layer, prepare, lambda: version("xnorkit"))


PEERS = (
    *(_peer(level, True) for level in reversed(levels()[: levels().index(isa()) + 1]) if level != "scalar"),
    _peer(isa(), False),
    replace(_peer(isa(), True), system=f"xnorkit {isa()} two threads", works=_large, threads=2),
    Peer(
        f"xnorkit {isa()} int8 ends",
        "binary",
        INSTALL,
        lambda work: False,
        partial(LayerRunner, level=isa(), packed=True),
        lambda: version("xnorkit"),
    ),
)
"""Packed to packed on each level of this CPU, the best first; then, on the best, float to float, large layers on two
threads, nets on int8 pixels."""
