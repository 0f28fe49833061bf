"""THE TABLE of implementations of the binary layers. Add one: write a function and a row; the suite runs it.

A row's ``accumulate`` gives the integers of a case, int32 ``(N, Ho, Wo, O)``. Rows of the engine also give what it
fuses behind the accumulator, through ``run``, a graph of one layer on a chosen instruction set.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, lru_cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from cases import Case
from numpy.typing import NDArray

import xnorkit.nn.functional  # noqa: F401  (registers torch.ops.xnorkit)
from xnorkit.graph.build import GraphBuilder
from xnorkit.graph.ir import Graph
from xnorkit.reference import binary, bits
from xnorkit.reference.conventions import sign
from xnorkit.runtime.session import Session

Array = NDArray[Any]


@dataclass(frozen=True)
class Implementation:
    """One row. ``flag``: the CPU flag it needs, "" for none. ``only``: cases it can express."""

    name: str
    accumulate: Callable[[Case], Array]
    run: Callable[[Graph, Array], Array] | None = None
    flag: str = ""
    only: Callable[[Case], bool] = lambda case: True

    @property
    def missing(self) -> str:
        """Why it cannot run here: the CPU flag this machine lacks; "" when it can. Never a missing module."""
        return self.flag if self.flag and self.flag not in cpu_flags() else ""


@cache
def cpu_flags() -> frozenset[str]:
    """Flags of this CPU as the kernel lists them, read without the engine's help."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    return frozenset(word for line in lines if line.startswith(("flags", "Features")) for word in line.split())


def by_meaning(case: Case) -> Array:
    x = sign(case.x)
    return binary.bdense(x, case.weight) if case.op == "bdense" else binary.bconv2d(x, case.weight, **case.geometry)


def by_bits(case: Case) -> Array:
    x, w = bits.pack(sign(case.x)), bits.pack(case.weight)
    if case.op == "bdense":
        return binary.bdense_bits(x, w, channels=case.channels)
    return binary.bconv2d_bits(x, w, channels=case.channels, **case.geometry)


def torch_float(case: Case) -> Array:
    """F.conv2d on -1/+1 in float64 (exact in any algorithm), behind F.pad: nothing of this project in it."""
    x = torch.where(torch.from_numpy(case.x) < 0, -1.0, 1.0).double()
    w = torch.from_numpy(case.weight).double()
    if case.op == "bdense":
        return _integers(F.linear(x, w))
    top, left, bottom, right = case.padding
    x = F.pad(x.permute(0, 3, 1, 2), (left, right, top, bottom), value=case.pad_value)
    y = F.conv2d(x, w.permute(0, 3, 1, 2), None, case.stride, 0, case.dilation, case.groups)
    return _integers(y.permute(0, 2, 3, 1))


def torch_layer(case: Case) -> Array:
    """The op that trained layers run, with a scale of 1: float32, as in training."""
    one, w = torch.ones(case.outputs), torch.from_numpy(case.weight).float()
    if case.op == "bdense":
        y = torch.ops.xnorkit.bdense(torch.from_numpy(case.x[:, 0, 0]), w, one, None)
        return _integers(y[:, None, None])
    x = torch.from_numpy(case.x).permute(0, 3, 1, 2).contiguous()
    y = torch.ops.xnorkit.bconv2d(x, w.permute(0, 3, 1, 2).contiguous(), one, None, case.stride, case.padding[:2],
                                  case.dilation, case.groups, case.pad_value)  # fmt: skip
    return _integers(y.permute(0, 2, 3, 1))


def _integers(y: torch.Tensor) -> Array:
    values = y.contiguous().numpy()
    assert (values == np.rint(values)).all(), "not integers"
    return values.astype(np.int32)


@lru_cache(maxsize=2)
def layer_graph(case: Case, epilogue: str = "") -> Graph:
    """input -> sign -> the layer [-> epilogue of that name]: what the engine fuses into one kernel."""
    b = GraphBuilder()
    x = b.add("sign", b.input("x", "f32", (*case.size, case.channels)))
    if case.op == "bdense":
        y = b.add("bdense", x, out_features=case.outputs, tensors={"weight": case.weight})
    else:
        attrs = {"out_channels": case.outputs, "kernel": case.kernel, **case.geometry}
        y = b.add("bconv2d", x, tensors={"weight": case.weight}, **attrs)
    return b.graph([b.add(epilogue, y, tensors=getattr(case, epilogue)) if epilogue else y])


def _session(graph: Graph, x: Array, **options: Any) -> Array:
    session = Session(graph, **options)
    (kind,) = session.output_types.values()
    return np.asarray(session(x)).reshape(len(x), *kind.shape)  # a session returns vectors as (N, C)


def _session_row(name: str, flag: str = "", **options: Any) -> Implementation:
    run = partial(_session, **options)
    return Implementation(name, lambda case: run(layer_graph(case), case.x), run, flag)


ISA_FLAGS = {
    "popcnt": "popcnt",
    "avx2": "avx2",
    "avx512bw": "avx512bw",
    "avx512vpopcnt": "avx512_vpopcntdq",
    "neon": "asimd",
}
"""The engine's levels above scalar, on every architecture: the flag by which the operating system lists each."""

IMPLEMENTATIONS = (
    Implementation("torch", torch_float),
    Implementation("torch layer", torch_layer, only=lambda case: case.symmetric),
    Implementation("reference by meaning", by_meaning),
    Implementation("reference by bits", by_bits),
    _session_row("reference session", backend="reference"),
    _session_row("engine scalar", isa="scalar"),
    *(_session_row(f"engine {isa}", flag=flag, isa=isa) for isa, flag in ISA_FLAGS.items()),
    _session_row("engine scalar unfused", isa="scalar", fuse=False),
    _session_row("engine avx2 unfused", flag="avx2", isa="avx2", fuse=False),
)
"""The first row is the oracle that the others are compared with: PyTorch, which shares no code with this project."""
