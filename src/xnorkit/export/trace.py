"""What each layer of a captured model read and computed on given pictures."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, fx
from torch.export import ExportedProgram

from ..nn.fewbit import REAL, code_values
from ..reference.conventions import sign
from .capture import argument_names, operator_of

_own, _aten = torch.ops.xnorkit, torch.ops.aten
_FEW_BIT = frozenset({_own.wconv2d.default, _own.wdense.default})
_INTEGER = frozenset({_own.bconv2d.default, _own.bdense.default, _own.qconv2d.default, _own.qdense.default})
_FLOAT: dict[object, Callable[..., Tensor]] = {
    _aten.conv2d.default: F.conv2d, _aten.conv2d.padding: F.conv2d, _aten.linear.default: F.linear}  # fmt: skip
_EPSILON = 2.0**-23


@dataclass(frozen=True)
class LayerTrace:
    """name, input_name: fx nodes of the layer and of what it reads.

    input: ``(N, C, H, W)`` or ``(N, F)`` as torch gave it; signs: its signs, int8, for layers that take signs.
    output: the raw accumulators (integers) or the float result; bound: per element, for float layers.
    values: what odd codes are worth; None for other inputs.
    """

    name: str
    input_name: str
    input: NDArray[Any]
    signs: NDArray[np.int8] | None
    output: NDArray[Any]
    bound: NDArray[np.float32] | None
    values: NDArray[Any] | None = None


class _Recorder(fx.Interpreter):
    def __init__(self, module: fx.GraphModule) -> None:
        super().__init__(module)
        self.traces: list[LayerTrace] = []

    def run_node(self, n: fx.Node) -> Any:
        result = super().run_node(n)
        if n.op == "call_function" and (n.target in _INTEGER | _FEW_BIT or n.target in _FLOAT):
            args, kwargs = self.fetch_args_kwargs_from_env(n)
            self.traces.append(_record(n, args, kwargs, result))
        return result


def _record(node: fx.Node, args: tuple[Any, ...], kwargs: dict[str, Any], result: Tensor) -> LayerTrace:
    x, weight = args[0], args[1]
    source = str(node.args[0])
    terms = weight[0].numel() + 1
    if node.target in _INTEGER | _FEW_BIT:
        schema, run = argument_names(node), operator_of(node)
        call = dict(zip(schema, args, strict=False)) | kwargs
        call |= {"scale": torch.ones_like(call["scale"]), "bias": None}
        call |= {"factor": None} if "factor" in schema else {}
        raw = run(**call).numpy()
        if node.target in _INTEGER:
            return LayerTrace(node.name, source, x.numpy(), sign(x.numpy()), raw, None)
        if call["activation_bits"] != REAL:
            worth = code_values(x, call["activation_bits"], call["odd"]).numpy() if call["odd"] else None
            return LayerTrace(node.name, source, x.numpy(), None, raw, None, worth)
        sums = run(**call | {"x": x.abs(), "weight": _plane_sizes(weight)})
        return LayerTrace(node.name, source, x.numpy(), None, raw, (sums * (terms * _EPSILON)).numpy())
    sums = _FLOAT[node.target](x.abs(), weight.abs(), *[a.abs() if isinstance(a, Tensor) else a for a in args[2:]])
    return LayerTrace(node.name, source, x.numpy(), None, result.numpy(), (sums * (terms * _EPSILON)).numpy())


def _plane_sizes(weight: Tensor) -> Tensor:
    """Each weight's sum of |planes|, what roundings are relative to: also of a weight 0, which is +1 and -1 halved."""
    planes = int(weight.abs().max()).bit_length()
    return torch.full_like(weight, 2**planes - 1)


def trace_layers(program: ExportedProgram, images: Tensor) -> list[LayerTrace]:
    """Run a captured model on float pictures ``(N, C, H, W)`` and record every layer with weights, in order."""
    recorder = _Recorder(program.module())
    with torch.no_grad():
        recorder.run(images)
    return recorder.traces
