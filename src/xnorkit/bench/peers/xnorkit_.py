"""Our engine: packed bits in -> convolution -> threshold -> packed bits out, and float in -> float out.

Packed to packed is timed by the program's own clock around the layer's steps: the pack of the float input before them
and the unpack of the output in Python are not the layer's. Float to float is the wall time of the whole call.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from importlib.metadata import version
from typing import Any

import numpy as np

from ...graph.build import GraphBuilder
from ...graph.ir import Graph
from ...runtime.cpu import isa, levels
from ...runtime.session import Session
from ..case import Case
from ..works import Work
from .contract import Array, Peer, Runner, require_close, require_equal

INSTALL = "pip install xnorkit"


def layer_graph(case: Case, *, packed: bool) -> Graph:
    """f32 input -> sign -> binary layer -> threshold (``packed``) or affine."""
    work, b = case.work, GraphBuilder()
    x = b.add("sign", b.input("x", "f32", (work.size, work.size, work.channels)))
    if work.kind == "dense":
        weight = {"weight": case.weight.reshape(work.out_channels, -1)}
        sums = b.add("bdense", x, name="layer", out_features=work.out_channels, tensors=weight)
    else:
        attrs: dict[str, Any] = {
            "out_channels": work.out_channels,
            "kernel": (work.kernel,) * 2,
            "stride": (work.stride,) * 2,
            "padding": (work.padding,) * 4,
        }
        sums = b.add("bconv2d", x, name="layer", tensors={"weight": case.weight}, **attrs)
    if packed:
        return b.graph([b.add("threshold", sums, tensors={"threshold": case.threshold, "flip": case.flip})])
    return b.graph([b.add("affine", sums, tensors={"scale": case.scale, "bias": case.bias})])


class LayerRunner(Runner):
    """One layer on one instruction set level."""

    def __init__(self, case: Case, threads: int, level: str, *, packed: bool) -> None:
        self.session = Session(layer_graph(case, packed=packed), threads=threads, isa=level)
        self.packed = packed
        self._x = case.x.astype(np.float32)
        self._shape = (case.work.batch, case.work.out_size, case.work.out_size, case.work.out_channels)
        self._answer: Array = np.empty(0)

    def run(self) -> None:
        self._answer = self.session(self._x)

    def answer(self) -> Array:
        return self._answer.reshape(self._shape)

    def check(self, case: Case) -> None:
        self.run()
        if self.packed:
            require_equal("xnorkit", self.answer(), case.bits)
        else:
            require_close("xnorkit", self.answer(), case.affine, share=1e-6)

    def seconds(self) -> float:
        if not self.packed:
            return super().seconds()
        return sum(row.seconds for row in self.session.profile(self._x).rows if row.op != "sign")

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
    prepare: Callable[[Case, int], Runner] = lambda case, threads: LayerRunner(case, threads, level, packed=packed)  # noqa: E731
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
        lambda case, threads: LayerRunner(case, threads, isa(), packed=True),
        lambda: version("xnorkit"),
    ),
)
"""Packed to packed on each level of this CPU, the best first; then, on the best, float to float, large layers on two
threads, nets on int8 pixels."""
