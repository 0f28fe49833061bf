"""ExportedProgram -> Graph: fold what is constant, apply the lowering table to the rest."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor, fx
from torch.export import ExportedProgram
from torch.export.graph_signature import InputKind

from ...errors import RangeError, ShapeError, UnsupportedError
from ...graph.build import GraphBuilder
from ...graph.ir import Graph
from ...graph.passes.chain import Evaluate
from ...nn.fewbit import REAL
from ..capture import argument_names, operator_of
from . import elementwise, spatial, views
from .context import Lowering, Value
from .table import RULES

InputDType = Literal["auto", "u8", "f32"]
_INTEGER_LAYERS = (torch.ops.xnorkit.qconv2d.default, torch.ops.xnorkit.qdense.default)
_FEW_BIT_LAYERS = (torch.ops.xnorkit.wconv2d.default, torch.ops.xnorkit.wdense.default)
_MOVERS = (spatial.max_pool2d, elementwise.identity)


@dataclass(frozen=True)
class Lowered:
    """graph: one node per step; exact: training expression by node name; origin: graph node name -> fx node name;
    values: fx node name -> the graph value that stands for it."""

    graph: Graph
    exact: Mapping[str, Evaluate]
    origin: Mapping[str, str]
    values: Mapping[str, Value]


def lower(program: ExportedProgram, input_dtype: InputDType = "auto", meta: Mapping[str, str] | None = None) -> Lowered:
    """Lower every node of the program.

    input_dtype: "u8" for models fed with pixels 0..255, "f32" for any float input, "auto": u8 where an int8 or
        bit-plane layer reads the input.

    Raises UnsupportedError naming module, operator, reason and source line for whatever the table does not hold.
    """
    low = Lowering(GraphBuilder())
    low.constants.update(_known_tensors(program))
    with torch.no_grad():
        for node in program.graph.nodes:
            if node.op == "placeholder" and node not in low.constants:
                _input(low, node, input_dtype)
            elif node.op == "call_function":
                _call(low, node)
            elif node.op == "output":
                return _finish(low, node, meta or {})
    raise UnsupportedError("export", "the program has no output")


def _known_tensors(program: ExportedProgram) -> dict[fx.Node, Any]:
    """Parameters, buffers and lifted constants by placeholder. Raises RangeError for NaN or infinity in one."""
    by_name = {node.name: node for node in program.graph.nodes if node.op == "placeholder"}
    found: dict[fx.Node, Any] = {}
    for spec in program.graph_signature.input_specs:
        if spec.kind in (InputKind.PARAMETER, InputKind.BUFFER, InputKind.CONSTANT_TENSOR):
            target = str(spec.target)
            tensor = program.state_dict.get(target, program.constants.get(target))
            if isinstance(tensor, Tensor) and tensor.is_floating_point() and not bool(torch.isfinite(tensor).all()):
                hint = "training diverged: lower the learning rate, or take an earlier checkpoint"
                raise RangeError("export", target, got="NaN or infinity", expected="finite numbers", hint=hint)
            found[by_name[spec.arg.name]] = tensor
    return found


def _input(low: Lowering, node: fx.Node, wanted: InputDType) -> None:
    if low.values:
        raise UnsupportedError("export", "model inputs", got="more than one", expected="one tensor")
    shape = tuple(int(d) for d in node.meta["val"].shape[1:])
    if len(shape) not in (1, 3):
        raise ShapeError("export", "example input", got=("N", *shape), expected="(N, C, H, W) or (N, C)")
    hwc = (shape[1], shape[2], shape[0]) if len(shape) == 3 else (1, 1, shape[0])
    dtype = wanted
    if wanted == "auto":
        dtype = "u8" if _reaches_integer_layer(node) else "f32"
    name = low.builder.input("input", dtype, hwc)
    low.values[node] = Value(name, low.builder.type(name))


def _reaches_integer_layer(node: fx.Node) -> bool:
    """Whether an int8 or bit-plane layer reads the node, directly or through operators that only move pixels."""
    return any(
        user.target in _INTEGER_LAYERS
        or (user.target in _FEW_BIT_LAYERS and _on_codes(user))
        or ((user.target in views.VIEWS or RULES.get(user.target) in _MOVERS) and _reaches_integer_layer(user))
        for user in node.users
    )


def _on_codes(node: fx.Node) -> bool:
    """Whether a few-bit layer reads codes, not floats."""
    return bool(dict(zip(argument_names(node), _positional(node), strict=True))["activation_bits"] != REAL)


def _call(low: Lowering, node: fx.Node) -> None:
    if all(a in low.constants for a in node.all_input_nodes):
        args, kwargs = fx.map_arg((node.args, node.kwargs), low.constant)
        low.constants[node] = operator_of(node)(*args, **kwargs)
        return
    if node.target in views.VIEWS and low.is_value(node.args[0]):
        low.views[node] = views.move(low, node)
        return
    if not isinstance(node.meta.get("val"), Tensor):
        return  # sizes and assertions: shapes are static but for the batch, which the graph leaves out
    rule = RULES.get(node.target)
    if rule is None:
        raise low.unsupported(node, "no rule for this operator")
    for argument in node.all_input_nodes:
        _settle(low, argument)
    low.values[node] = rule(low, node, _positional(node))


def _settle(low: Lowering, node: fx.Node) -> None:
    """Moved elements become a value when the first operator reads them."""
    if node in low.views and node not in low.values:
        low.values[node] = views.settle(low, node)


def _positional(node: fx.Node) -> list[Any]:
    """Arguments in schema order, keywords and trailing defaults of the operator's own schema filled in for our ops."""
    schema = operator_of(node)._schema.arguments
    given = list(node.args)
    own = str(node.target).startswith("xnorkit")
    for argument in schema[len(given) :]:
        if argument.name in node.kwargs:
            given.append(node.kwargs[argument.name])
        elif own:
            given.append(argument.default_value)
        else:
            break
    return given


def _finish(low: Lowering, node: fx.Node, meta: Mapping[str, str]) -> Lowered:
    results = node.args[0]
    outputs = []
    for result in results:
        if low.is_value(result):
            _settle(low, result)
        else:
            raise UnsupportedError(
                "export", "model output", got=f"{result}", expected="a tensor computed from the input"
            )
        value = low.values[result]
        if value.order is not None:
            raise UnsupportedError("export", "model output", got="a flattened picture", expected="class scores",
                                   hint="end the model with a layer, or return the picture itself")  # fmt: skip
        outputs.append(low.as_float(node, value).name if value.type.dtype != "f32" else value.name)
    graph = low.builder.graph(outputs=tuple(outputs), meta=dict(meta))
    return Lowered(graph, low.exact, low.origin, {n.name: v for n, v in low.values.items()})
