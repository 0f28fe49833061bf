"""``export``: a trained model becomes one packed file, with a report of what was packed, what was not, and why."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from ..graph.coding import Coding, code_weights
from ..graph.infer import infer
from ..graph.ir import Graph, Node
from ..graph.passes.pipeline import run_passes
from ..graph.store import save
from ..interop.onnx_model import SUFFIX, save_onnx
from ..nn.layers.formed import FormedLayer
from ..nn.layers.state import REAL_WEIGHT, QuantizedModule
from ..reference.codecs.coded import Coded
from ..reference.ops import OPS
from ..reference.shapes import TensorType
from .capture import capture
from .lower.run import InputDType, lower

_WEIGHT_BITS = {"bconv2d": 1, "bdense": 1, "qconv2d": 8, "qdense": 8, "conv2d": 32, "dense": 32}
_FEW_BITS = ("wconv2d", "wdense")
_WHY_WIDE = {
    8: "int8 weights: a first or last layer, or more levels than planes hold; integers, exact",
    32: "float32 weights: xnorkit.binarize, BinaryConv2d or BinaryLinear would make it one-bit",
}
_WHY_REAL = "float32 weights: the values of quantizer {} are real numbers, no integers times one scale"
_WHY_NO_PLANES = (
    "float32 weights: the integers of quantizer {} are no sum of sign planes, and int8 ones need codes from 0 on"
)
_WHY_FLOAT = "its input is no monotone function of one integer accumulator (a residual sum, say): computed on floats"


@dataclass(frozen=True)
class LayerRow:
    """One layer of the packed file. ``packed``: weights are sign planes, one to four; ``why``: the reason when they are
    not, or a note."""

    name: str
    op: str
    packed: bool
    weights: int
    weight_bits: int
    bytes: int
    why: str


@dataclass(frozen=True)
class ExportReport:
    """graph: what was written; layers: a row for each layer with weights and each quantizer left on floats."""

    graph: Graph
    layers: tuple[LayerRow, ...]
    file_bytes: int

    @property
    def packed(self) -> int:
        """Number of layers with one- to four-bit weights."""
        return sum(row.packed for row in self.layers)

    def to_dict(self) -> dict[str, Any]:
        """Rows and sizes as plain data for ``--json``."""
        return {"file_bytes": self.file_bytes, "layers": [asdict(row) for row in self.layers]}


def to_graph(model: nn.Module, example: Tensor, *, input_dtype: InputDType = "auto",
             meta: Mapping[str, str] | None = None) -> Graph:  # fmt: skip
    """The packed graph of a trained model: capture, lower, run the passes. Nothing is written."""
    lowered = lower(capture(model, example), input_dtype, meta)
    return run_passes(lowered.graph, lowered.exact)


def export(model: nn.Module, example: Tensor, path: str | Path, *, input_dtype: InputDType = "auto",
           meta: Mapping[str, str] | None = None, coding: Coding = "plain") -> ExportReport:  # fmt: skip
    """Write the model as a packed file, or as ONNX where ``path`` ends in ``.onnx`` (the same graph, the same bits).

    model: any ``nn.Module`` of one input; its binary layers become one-bit, batch norm and signs integer thresholds.
    example: one input ``(1, C, H, W)`` or ``(1, C)``, for its shape.
    path: written atomically; an older file there survives any failure.
    input_dtype: what callers of the packed file will pass: "u8" pixels 0..255, "f32", or "auto" (u8 where an int8
        or bit-plane layer reads the input).
    meta: text stored with the graph, e.g. ``{"classes": '["cat", "dog"]'}``.
    coding: how float32 weights stand in the file: "plain", or in the codec that takes the fewest bytes, as "fields" of
        a fixed width or with "huffman" codes; of use where weights are pruned or share values. The numbers are the
        same. Of no effect for ONNX.

    Raises UnsupportedError naming module, operator and source line for what cannot be packed; SaveError;
    MissingDependencyError for ONNX without the ``onnx`` extra.

    >>> import tempfile, torch, xnorkit
    >>> model = xnorkit.create_model("lenet5", method="xnor")
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     report = export(model, torch.zeros(1, 1, 28, 28), f"{folder}/net.xnor.safetensors")
    >>> [row.name for row in report.layers if row.packed] != []
    True
    """
    graph = to_graph(model, example, input_dtype=input_dtype, meta=meta)
    onnx = str(path).endswith(SUFFIX)
    graph = code_weights(graph, "plain" if onnx else coding, _known_codes(graph, model))
    write = save_onnx if onnx else save
    write(graph, path)
    return ExportReport(graph, tuple(_rows(graph, model)), Path(path).stat().st_size)


def _known_codes(graph: Graph, model: nn.Module) -> dict[str, Coded]:
    """The parts of weights that a form makes, by tensor of the graph."""
    forms = {path: module for path, module in model.named_modules() if isinstance(module, FormedLayer)}
    return {node.tensors["weight"]: forms[node.source].coded_weight() for node in graph.nodes
            if "weight" in node.tensors and node.source in forms}  # fmt: skip


def _rows(graph: Graph, model: nn.Module) -> list[LayerRow]:
    types = infer(graph)
    modules = {path: module for path, module in model.named_modules() if isinstance(module, QuantizedModule)}
    wide = {path: module.activation_quantizer for path, module in modules.items()
            if module.activation_quantizer is not None and module.activation_quantizer.unpacked}  # fmt: skip
    rows = [LayerRow(f"{path}.input", row.name, False, 0, 0, 0, row.unpacked) for path, row in wide.items()]
    for node in graph.nodes:
        if node.op in _WEIGHT_BITS or node.op in _FEW_BITS:
            rows.append(_layer(graph, node, types, modules.get(node.source)))
        elif node.op in ("sign", "quantize") and types[node.inputs[0]].dtype == "f32" and node.source not in wide:
            rows.append(LayerRow(node.name, node.op, False, 0, 0, 0, _WHY_FLOAT))
    return rows


def _layer(graph: Graph, node: Node, types: Mapping[str, TensorType], module: QuantizedModule | None) -> LayerRow:
    row = OPS[node.op]
    attrs = row.complete(node.attrs)
    planes = attrs.get("planes", 0)
    bits = planes or _WEIGHT_BITS[node.op]
    shape = row.tensors["weight"].shape(tuple(types[name] for name in node.inputs), attrs)
    count = math.prod(shape) // max(planes, 1)
    size = sum(graph.tensors[key].nbytes for key in node.tensors.values())
    readers = {user.op for user in graph.users(node.name)}
    if planes:
        reads = "floats" if types[node.inputs[0]].dtype == "f32" else f"codes of {attrs['activation_bits']} bits"
        gives = "codes" if readers == {"multithreshold"} else "bits" if readers == {"threshold"} else "float output"
        return LayerRow(node.name, node.op, True, count, bits, size, f"{bits}-bit weights on {reads}, {gives}")
    if bits == 1:
        why = "threshold fused: bits in, bits out" if readers == {"threshold"} else "one-bit weights, float output"
    elif bits == 32 and module is not None and module.weight_quantizer is not None:
        real = module.weight_quantizer.width == REAL_WEIGHT
        why = (_WHY_REAL if real else _WHY_NO_PLANES).format(module.weight_quantizer.name)
    else:
        why = _WHY_WIDE[bits]
    return LayerRow(node.name, node.op, bits == 1, count, bits, size, why)
