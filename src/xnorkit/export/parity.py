"""``verify``: the packed file against the trained model, layer by layer on the same inputs, then end to end.

1. Each layer with weights runs alone on the input torch gave it: integer layers must give *equal* accumulators, float
   layers must stay within the rounding bound of a sum of n products, ``n * 2^-23 * sum |x||w|``.
2. The signs and codes that layers read are compared with torch's on the same picture. Where everything before them is
   integer, one difference is a failure; behind float layers differences are counted and reported.
3. Class predictions of the eager model and of the file, picture by picture, must be equal. Where one is not, the first
   sign or code of that picture that differs is looked up. Behind float layers it may be a *tie*: a float so near its
   threshold that the order of additions decides. Ties are named; they are no fault of the file, and still a difference.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.export import ExportedProgram

from ..errors import ParityError, ShapeError
from ..graph.infer import infer
from ..graph.ir import Graph, Node
from ..graph.passes.cleanup import drop_dead
from ..graph.store import load
from ..reference.shapes import TensorType
from ..runtime.session import Session
from .capture import capture
from .lower.run import Lowered, lower
from .trace import LayerTrace, trace_layers

TIE = 1e-4
"""A float is at its threshold when its distance is below this part of the mean distance of its layer."""


@dataclass(frozen=True)
class ParityRow:
    """One comparison. ``different`` of ``compared`` elements break the rule; ``max_error`` in units of the bound for
    floats, in integers otherwise. ``binding``: a difference here fails the verification."""

    name: str
    kind: str
    compared: int
    different: int
    max_error: float
    binding: bool


@dataclass(frozen=True)
class VerifyReport:
    """layers: rows in graph order; n pictures, mismatches in predicted class; logits_max_abs_diff end to end; ties: of
    the mismatches looked into (as many as ``layer_images``), those that began with a float at its threshold."""

    layers: tuple[ParityRow, ...]
    n: int
    mismatches: int
    logits_max_abs_diff: float
    first_difference: str
    ties: int = 0

    @property
    def ok(self) -> bool:
        return self.mismatches == 0 and not any(row.different and row.binding for row in self.layers)

    def to_dict(self) -> dict[str, Any]:
        plain = {key: value for key, value in asdict(self).items() if key != "layers"}
        return {**plain, "ok": self.ok, "layers": [asdict(row) for row in self.layers]}

    def require(self) -> VerifyReport:
        """Itself when equal. Raises ParityError naming the first difference."""
        hint = "export this checkpoint again; if it stays, report this layer"
        if self.ties:
            hint = "a float layer stands before a sign here: its roundings decide such pictures"
        if not self.ok:
            raise ParityError("verify", "packed file and trained model differ", got=self.first_difference,
                              expected="equal integers and predictions", hint=hint)  # fmt: skip
        return self


def verify(model: nn.Module, file: str | Path | Graph, images: NDArray[Any], *, batch: int = 256,
           layer_images: int = 16, threads: int = 1) -> VerifyReport:  # fmt: skip
    """Compare a trained model with the packed file made from it.

    images: ``(N, H, W, C)`` as the file takes them (uint8 pixels or float32).
    layer_images: how many of them go through the layer-by-layer part.

    Raises ShapeError when pictures, model and file do not belong together; never on a mere difference.
    """
    graph = file if isinstance(file, Graph) else load(file)
    session = Session(graph, threads=threads)
    if len(images) == 0:
        raise ShapeError("verify", "number of pictures", got=0, expected="at least 1")
    few = images[:layer_images]
    program = capture(model, to_torch(few[:1]))
    lowered = lower(program, graph.node(session.input_name).attrs["dtype"])
    lowered = replace(lowered, graph=drop_dead(lowered.graph))  # a branch that nothing reads is in no file
    _same_model(lowered, graph)
    read = {lowered.origin.get(node.name) for node in lowered.graph.nodes if "weight" in node.tensors}
    traces = [trace for trace in trace_layers(program, to_torch(few)) if trace.name in read]
    rows = [_layer_row(graph, lowered, trace) for trace in traces]
    rows += _input_rows(graph, lowered, traces, few)
    wrong, worst, first = _predictions(model, session, images, batch)
    broken = next((f"layer {row.name} ({row.kind}): {row.different} of {row.compared}" for row in rows
                   if row.different and row.binding), "")  # fmt: skip
    ties = _ties(graph, lowered, program, images[wrong[:layer_images]]) if wrong else []
    if ties and not broken:
        first += f"; {ties[0]}"
    return VerifyReport(tuple(rows), len(images), len(wrong), worst, broken or first, len(ties))


def to_torch(images: NDArray[Any]) -> Tensor:
    """``(N, H, W, C)`` -> float32 ``(N, C, H, W)``; ``(N, C)`` stays."""
    array = np.ascontiguousarray(np.moveaxis(images, -1, 1)) if images.ndim == 4 else images
    return torch.from_numpy(array.astype(np.float32))


def _same_model(lowered: Lowered, graph: Graph) -> None:
    """Layers of model and file must have the same names, or the comparison would be meaningless."""
    ours = [node.name for node in lowered.graph.nodes if "weight" in node.tensors]
    theirs = [node.name for node in graph.nodes if "weight" in node.tensors]
    if ours != theirs:
        wrong = next(
            (a for a, b in zip(ours, theirs, strict=False) if a != b), f"{len(ours)} layers, {len(theirs)} layers"
        )
        hint = "the file was exported from another model"
        raise ShapeError(
            "verify", "layers of model and file", got=wrong, expected="the same, in the same order", hint=hint
        )


def _feature_order(lowered: Lowered, trace: LayerTrace, array: NDArray[Any]) -> NDArray[Any]:
    """torch ``(N, C, H, W)`` or ``(N, F)`` -> the file's ``(N, H, W, C)``."""
    if array.ndim == 4:
        return np.ascontiguousarray(np.moveaxis(array, 1, -1))
    order = lowered.values[trace.input_name].order
    return np.ascontiguousarray(array if order is None else array[:, order])[:, None, None, :]


def _layer_row(graph: Graph, lowered: Lowered, trace: LayerTrace) -> ParityRow:
    name = next(
        n
        for n, fx_name in lowered.origin.items()
        if fx_name == trace.name and "weight" in lowered.graph.node(n).tensors
    )
    node = graph.node(name)
    floats = node.op in ("conv2d", "dense")
    x = _feature_order(lowered, trace, trace.values if floats and trace.values is not None else trace.input)
    got = Session(_alone(graph, node), threads=1)(x.astype(np.uint8) if _reads_pixels(graph, node) else x)
    want = np.moveaxis(trace.output, 1, -1).reshape(got.shape)
    if trace.bound is None:
        gap = np.abs(got.astype(np.int64) - want.astype(np.int64))
        return ParityRow(name, "integers", gap.size, int((gap != 0).sum()), float(gap.max()), True)
    error = np.abs(got - want) / np.maximum(
        np.moveaxis(trace.bound, 1, -1).reshape(got.shape), np.finfo(np.float32).tiny
    )
    return ParityRow(name, "floats", error.size, int((error > 1).sum()), float(error.max()), True)


def _reads_pixels(graph: Graph, node: Node) -> bool:
    return infer(graph)[node.inputs[0]].dtype == "u8"


def _alone(graph: Graph, node: Node) -> Graph:
    """The one layer as a graph of its own: input (then sign, for a layer that reads bits), the layer, raw output."""
    kind = infer(graph)[node.inputs[0]]
    nodes = [Node("x", "input", attrs={"dtype": "u8" if kind.dtype == "u8" else "f32", "shape": kind.shape})]
    if kind.dtype == "bits":
        nodes.append(Node("x.sign", "sign", ("x",)))
    nodes.append(Node(node.name, node.op, (nodes[-1].name,), node.attrs, node.tensors))
    return Graph(tuple(nodes), (node.name,), {key: graph.tensors[key] for key in node.tensors.values()})


def _input_rows(graph: Graph, lowered: Lowered, traces: list[LayerTrace], images: NDArray[Any]) -> list[ParityRow]:
    """Bits and codes at the input of every layer that reads them, run end to end."""
    types = infer(graph)
    integer, rows = _integer_values(graph, types), []
    for value, _, gap in _read_values(graph, lowered, traces, images, types):
        kind = "signs" if types[value].dtype == "bits" else "codes"
        rows.append(ParityRow(value, kind, gap.size, int((gap != 0).sum()), float(gap.max()), value in integer))
    return rows


def _ties(graph: Graph, lowered: Lowered, program: ExportedProgram, images: NDArray[Any]) -> list[str]:
    """For each picture whose first differing sign is that of a float at its threshold: the sign, and how near."""
    traces = [trace for trace in trace_layers(program, to_torch(images)) if trace.signs is not None]
    found: dict[int, str] = {}
    for value, trace, gap in _read_values(graph, lowered, traces, images, infer(graph)):
        distance = np.abs(_feature_order(lowered, trace, trace.input))
        for picture in np.flatnonzero(gap.reshape(len(gap), -1).any(1)):
            if int(picture) in found:
                continue
            nearest, typical = float(distance[picture][gap[picture] != 0].max()), float(distance.mean())
            at = f"{value} reads a float {nearest / max(typical, 1e-45):.1e} of its layer's mean from a threshold"
            found[int(picture)] = at if nearest <= TIE * typical else ""
    return [at for at in found.values() if at]


def _read_values(graph: Graph, lowered: Lowered, traces: list[LayerTrace], images: NDArray[Any],
                 types: Mapping[str, TensorType]) -> Iterator[tuple[str, LayerTrace, NDArray[np.int64]]]:  # fmt: skip
    """(value, its layer, |packed - trained|) of all bits and codes that the traced layers read, in graph order."""
    by_name = {trace.name: trace for trace in traces}
    wanted: dict[str, LayerTrace] = {}
    for node in graph.nodes:
        trace = by_name.get(lowered.origin.get(node.name, ""))
        if trace is None or "weight" not in node.tensors:
            continue
        kind = types[node.inputs[0]].dtype
        if kind == "bits" or (kind == "u8" and _are_codes(graph, node.inputs[0])):
            wanted[node.inputs[0]] = trace
    seen = Session(graph, taps=tuple(wanted))(images) if wanted else {}
    for value, trace in wanted.items():
        want = _feature_order(lowered, trace, trace.input if trace.signs is None else trace.signs)
        yield value, trace, np.abs(seen[value].reshape(want.shape).astype(np.int64) - want.astype(np.int64))


def _are_codes(graph: Graph, name: str) -> bool:
    """Whether a u8 value was quantized, not given: the input has nothing to compare."""
    node = graph.node(name)
    while node.op in ("max_pool2d", "flatten", "concat", "pick_channels"):
        node = graph.node(node.inputs[0])
    return node.op != "input"


def _integer_values(graph: Graph, types: Mapping[str, TensorType]) -> set[str]:
    """Values that depend on no float: exact end to end."""
    exact: set[str] = set()
    for node in graph.nodes:
        if types[node.name].dtype != "f32" and all(name in exact for name in node.inputs):
            exact.add(node.name)
    return exact


def _predictions(model: nn.Module, session: Session, images: NDArray[Any], batch: int) -> tuple[list[int], float, str]:
    """(pictures of another class, largest difference of a score, the first such picture in words)."""
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    different: list[int] = []
    worst, first = 0.0, ""
    try:
        for start in range(0, len(images), batch):
            part = images[start : start + batch]
            with torch.no_grad():
                want = model(to_torch(part)).numpy().reshape(len(part), -1)
            got = np.asarray(session(part)).reshape(len(part), -1)
            worst = max(worst, float(np.abs(got - want).max()))
            wrong = np.flatnonzero(got.argmax(1) != want.argmax(1))
            different += (start + wrong).tolist()
            if len(wrong) and not first:
                i = int(wrong[0])
                first = f"picture {start + i}: class {int(got[i].argmax())} packed, {int(want[i].argmax())} trained"
    finally:
        for module, training in modes:
            module.training = training
    return different, worst, first
