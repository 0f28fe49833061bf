"""TVM: a popcount schedule written for this bench and compiled for this CPU by TVM's LLVM.

Bytes of weights lie in vector lanes, 64 output channels wide; ``popcount(x ^ w)`` is summed in byte lanes over at most
31 bytes, then widened to 16 bits. Sums only: no threshold and no packing, which would cost it more. Padding is laid
out beforehand and counts as +1, without the correction that zero padding needs. One thread whatever is asked.
"""

from __future__ import annotations

from functools import cache
from importlib.metadata import version
from typing import Any

import numpy as np

from ...reference import binary
from ..case import Case
from ..works import Work
from .contract import Array, Peer, Runner, require_equal

INSTALL = 'pip install "xnorkit[peers]"'
BYTE_STEPS = 31
"""Additions of 0..8 that fit a byte."""
LANES = (64, 32)
"""Output channels side by side: the widest that divides them; 64 was the fastest of both on AVX2, with no blocking of
pixels, on every shape of the works' table."""


@cache
def _compiled(height: int, width: int, channel_bytes: int, outputs: int, kernel: int) -> Any:
    """fn(X, W, Y) for a stride of one. X: uint8 (height + kernel - 1, (width + kernel - 1) * channel_bytes), W: uint8
    (outputs / lanes, kernel, groups, bytes, lanes), Y: int16 (height, width, outputs / lanes, lanes) popcounts.
    """
    import tvm
    from tvm import te, tirx

    lanes, group = _lanes(outputs), _group(kernel * channel_bytes)
    groups = kernel * channel_bytes // group
    shape = (height + kernel - 1, (width + kernel - 1) * channel_bytes)
    x = te.placeholder(shape, "uint8", "X")
    w = te.placeholder((outputs // lanes, kernel, groups, group, lanes), "uint8", "W")
    step = te.reduce_axis((0, group), "step")

    def differing(o: Any, y: Any, p: Any, row: Any, g: Any, lane: Any) -> Any:
        there = x[y + row, p * channel_bytes + g * group + step]
        return te.sum(tirx.popcount(there ^ w[o, row, g, step, lane]), axis=step)

    partial = te.compute((outputs // lanes, height, width, kernel, groups, lanes), differing, "partial")
    row, g = te.reduce_axis((0, kernel), "row"), te.reduce_axis((0, groups), "g")

    def total(y: Any, p: Any, o: Any, lane: Any) -> Any:
        return te.sum(partial[o, y, p, row, g, lane].astype("int16"), axis=[row, g])

    y = te.compute((height, width, outputs // lanes, lanes), total, "total")
    module = tvm.IRModule({"main": te.create_prim_func([x, w, y])})
    target = tvm.target.Target({"kind": "llvm", "mcpu": tvm.get_global_func("target.llvm_get_system_cpu")()})
    return tvm.compile(_scheduled(module), target=target)["main"]


def _scheduled(module: Any) -> Any:
    """Both accumulators in registers: bytes over the steps of a group, 16 bits over the groups."""
    from tvm.s_tir import Schedule

    schedule = Schedule(module)
    partial, total = schedule.get_sblock("partial"), schedule.get_sblock("total")
    y, p, o, lane, row, g = schedule.get_loops(total)
    schedule.reorder(o, y, p, row, g, lane)
    schedule.compute_at(partial, g)
    *_, partial_lane, step = schedule.get_loops(partial)
    schedule.reorder(step, partial_lane)
    schedule.set_scope(partial, 0, "local")
    schedule.vectorize(partial_lane)
    schedule.vectorize(lane)
    written = schedule.cache_write(total, 0, "local")
    schedule.reverse_compute_at(written, p)
    schedule.vectorize(schedule.get_loops(written)[-1])
    schedule.decompose_reduction(partial, step)
    schedule.decompose_reduction(total, row)
    return schedule.mod


def _lanes(outputs: int) -> int:
    return next(lanes for lanes in LANES if outputs % lanes == 0)


def _group(row_bytes: int) -> int:
    return max(size for size in range(1, BYTE_STEPS + 1) if row_bytes % size == 0)


class LayerRunner(Runner):
    """One layer; the rows of a matrix are the pixels of a picture one pixel high."""

    def __init__(self, case: Case) -> None:
        from tvm.runtime import tensor

        work, pad = case.work, case.work.padding
        self._taps = work.channels * work.kernel**2
        x = case.x.reshape(1, 1, work.batch, -1) if work.kind == "dense" else case.x
        height, width = x.shape[1:3]
        bits = np.pad(np.packbits(x[0] < 0, axis=-1, bitorder="little"), ((pad, pad), (pad, pad), (0, 0)))
        weight = np.packbits(case.weight < 0, axis=-1, bitorder="little")
        lanes, group = _lanes(work.out_channels), _group(work.kernel * work.channels // 8)
        tiles = weight.reshape(work.out_channels // lanes, lanes, work.kernel, -1, group).transpose(0, 2, 3, 4, 1)
        self._run = _compiled(height, width, work.channels // 8, work.out_channels, work.kernel)
        self._out = tensor(np.zeros((height, width, work.out_channels // lanes, lanes), np.int16))
        self._arguments = (tensor(bits.reshape(len(bits), -1)), tensor(np.ascontiguousarray(tiles)), self._out)
        self._shape = (work.batch, work.out_size, work.out_size, work.out_channels)

    def run(self) -> None:
        self._run(*self._arguments)

    def answer(self) -> Array:
        counts: Array = self._out.numpy().astype(np.int32)
        return self._taps - 2 * counts.reshape(self._shape)

    def check(self, case: Case) -> None:
        self.run()
        padding = (case.work.padding,) * 4
        require_equal("TVM", self.answer(), binary.bconv2d(case.x, case.weight, padding=padding, pad_value=1))


def _works(work: Work) -> bool:
    fits = work.channels % 8 == 0 and work.out_channels % LANES[-1] == 0
    return fits and (work.kind == "dense" or (work.kind == "conv" and work.stride == 1 and work.batch == 1))


PEERS = (
    Peer(
        "TVM popcount",
        "binary",
        INSTALL,
        _works,
        lambda case, threads: LayerRunner(case),
        lambda: f"{version('apache-tvm')}, sums only",
        module="tvm",
    ),
)
