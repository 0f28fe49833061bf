"""Our kernels over the standard shapes: time, multiply-adds a second, share of this core's peak in the same run.

The time of a layer is its step's own, from packed bits in to packed bits out; float and int8 layers from their input
to their sums. Every kernel's answer is compared with the NumPy reference first. Layers of ``works.WORKS`` run on every
instruction set this CPU has; so do ``ENDS``, the first and last layers of the nets, in float32 and int8.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import BenchError
from ..graph.build import GraphBuilder
from ..graph.infer import infer
from ..graph.ir import Graph
from ..reference.bits import row_bytes
from ..reference.ops import OPS
from ..runtime.cpu import isa, levels
from ..runtime.session import Session
from .case import Case
from .peak import Peak, peak_of
from .peers.xnorkit_ import layer_graph
from .race import Tick, alternate
from .works import LAYERS, Work, conv

Array = NDArray[Any]


@dataclass(frozen=True)
class Layer:
    """A layer to time: ``make(seed)`` gives its graph and one input."""

    name: str
    make: Callable[[int], tuple[Graph, Array]]


@dataclass(frozen=True)
class LayerRow:
    """One kernel on one layer. ``bytes``: packed weights, input and output once each; ``share`` of ``peak_gmacs``, the
    peak in the same run times threads (None where its family has no loop)."""

    layer: str
    kernel: str
    isa: str
    threads: int
    median_ms: float
    min_ms: float
    gmacs: float
    peak: str
    peak_gmacs: float | None
    share: float | None
    bytes: int
    multiply_adds: int

    @property
    def intensity(self) -> float:
        """Multiply-adds for each byte."""
        return self.multiply_adds / self.bytes

    def as_json(self) -> dict[str, Any]:
        """The fields."""
        return asdict(self)


def _binary(work: Work) -> Layer:
    def make(seed: int) -> tuple[Graph, Array]:
        case = Case(work, seed)
        return layer_graph(case, packed=True), case.x.astype(np.float32)

    return Layer(work.name, make)


def _end(op: str, size: int, channels: int, out_channels: int, kernel: int, stride: int) -> Layer:
    """A float32 (``conv2d``, ``dense``) or int8 (``qconv2d``, ``qdense``) layer."""
    is_int8, is_dense = op.startswith("q"), op.endswith("dense")
    tail = f"{channels}x{out_channels}" if is_dense else f"{channels}x{size}_s{stride}"
    name = f"{op}_1x{tail}" if is_dense else f"{op}{kernel}x{kernel}_{tail}"

    def make(seed: int) -> tuple[Graph, Array]:
        rng, b = np.random.default_rng(seed), GraphBuilder()
        shape = (out_channels, channels) if is_dense else (out_channels, kernel, kernel, channels)
        weight = rng.integers(-127, 128, shape).astype(np.int8 if is_int8 else np.float32)
        x = rng.integers(0, 256, (1, size, size, channels)).astype(np.uint8 if is_int8 else np.float32)
        node = b.input("x", "u8" if is_int8 else "f32", x.shape[1:])
        attrs: dict[str, Any] = {"out_features": out_channels}
        if not is_dense:
            pads, strides = (kernel // 2,) * 4, (stride,) * 2
            attrs = {"out_channels": out_channels, "kernel": (kernel,) * 2, "stride": strides, "padding": pads}
        return b.graph([b.add(op, node, tensors={"weight": weight}, **attrs)]), x

    return Layer(name, make)


ENDS = tuple(
    _end(prefix + op, *shape)
    for op, *shape in (
        ("conv2d", 224, 3, 64, 7, 2),
        ("conv2d", 224, 3, 64, 11, 4),
        ("conv2d", 224, 3, 64, 3, 2),
        ("conv2d", 28, 64, 128, 1, 1),
        ("dense", 1, 512, 1000, 1, 1),
    )
    for prefix in ("", "q")
)
"""First layers, a shortcut and a last layer, float32 and int8."""

LAYER_TABLE: dict[str, Layer] = {
    layer.name: layer
    for layer in (*map(_binary, LAYERS), *map(_binary, (conv(3, 64, 56, stride=2), conv(3, 256, 14, batch=8))), *ENDS)
}
"""Every layer by name."""


class StepRunner:
    """One graph of one layer on one instruction set; the clock is the layer's step."""

    def __init__(self, graph: Graph, x: Array, level: str) -> None:
        self.session, self._x, self._level = Session(graph, isa=level), x, level
        found = [step for step in self.session.program.steps if step["op"] != "sign"]
        if len(found) != 1:
            raise BenchError("layers", "steps of a layer besides sign", got=len(found), expected="1")
        self.step = found[0]
        self.kernel: str = self.step["kernel"]
        self.multiply_adds: int = self.step["multiply_adds"] * len(x)
        self.bytes = self.step["packed_bytes"] + len(x) * _ends_bytes(graph)

    def check(self, expected: Array, name: str) -> None:
        """Raise BenchError unless the answer is the reference's, to the last bit."""
        if not np.array_equal(self.session(self._x), expected):
            raise BenchError(f"{name} {self._level}", "answer", got="another", expected="the reference's")

    def seconds(self, threads: int) -> float:
        """Of the layer's step."""
        return sum(row.seconds for row in self.session.profile(self._x, threads=threads).rows if row.op != "sign")


def _ends_bytes(graph: Graph) -> int:
    """Bytes of the layer's input and output for one image."""
    types = infer(graph)
    first = next(node for node in graph.nodes if OPS[node.op].tensors)
    total = 0
    for kind in (types[first.inputs[0]], types[graph.outputs[0]]):
        h, w, c = kind.shape
        total += h * w * (row_bytes(c) if kind.dtype == "bits" else c * (1 if kind.dtype == "u8" else 4))
    return total


def measure(layer: Layer, *, rounds: int, threads: int = 1, seed: int = 0, tick: Tick | None = None) -> list[LayerRow]:
    """A row for each different kernel, the best first, on one thread; with ``threads`` > 1 another for the best kernel
    on so many. All take turns with the peaks. Raises BenchError."""
    runners = dict(_runners(layer, seed))
    found_peaks = {name: peak for name in runners if (peak := peak_of(name)) is not None}
    entrants = [(name, 1) for name in runners]
    entrants += [(next(iter(runners)), threads)] * (threads > 1)
    clocks: dict[str, Callable[[], float]] = {}
    clocks |= {f"{name} {count}": partial(runners[name].seconds, count) for name, count in entrants}
    clocks |= {peak.name: peak.seconds for peak in found_peaks.values()}
    times = alternate(clocks, rounds=rounds, seed=seed, tick=tick)
    return [_row(layer, runners[name], found_peaks.get(name), times, count) for name, count in entrants]


def _runners(layer: Layer, seed: int) -> Iterator[tuple[str, StepRunner]]:
    graph, x = layer.make(seed)
    expected = Session(graph, backend="reference")(x)
    seen = set()
    for level in reversed(levels()[: levels().index(isa()) + 1]):
        runner = StepRunner(graph, x, level)
        if runner.kernel not in seen:  # a level without a kernel of its own uses the one below
            seen.add(runner.kernel)
            runner.check(expected, layer.name)
            yield runner.kernel, runner


def _row(layer: Layer, runner: StepRunner, peak: Peak | None, times: dict[str, list[float]], threads: int) -> LayerRow:
    seconds = times[f"{runner.kernel} {threads}"]
    gmacs = runner.multiply_adds / min(seconds) / 1e9
    limit = None if peak is None else peak.gmacs(min(times[peak.name])) * threads
    return LayerRow(
        layer=layer.name,
        kernel=runner.kernel,
        isa=runner.session.program.isa,
        threads=threads,
        median_ms=statistics.median(seconds) * 1e3,
        min_ms=min(seconds) * 1e3,
        gmacs=gmacs,
        peak="" if peak is None else peak.name,
        peak_gmacs=limit,
        share=None if limit is None else gmacs / limit,
        bytes=runner.bytes,
        multiply_adds=runner.multiply_adds,
    )
