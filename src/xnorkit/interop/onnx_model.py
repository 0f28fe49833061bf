"""A graph as an ONNX model that any runtime can run: a node of domain ``org.xnorkit`` for each node of the graph, with
its meaning behind it as a function of standard operators.

The model takes what the packed file takes, ``(N, H, W, C)`` pixels or floats with a free batch, and returns what
``Session`` returns; its weights stay packed bits. Integers are equal to the engine's, floats close (other orders of
addition).

>>> from ..graph.build import GraphBuilder
>>> b = GraphBuilder()
>>> s = b.add("sign", b.input("x", "f32", (1, 1, 3)))
>>> y = b.add("bdense", s, out_features=2, tensors={"weight": np.array([[1, -1, 1], [-1, -1, -1]], np.int8)})
>>> model = to_onnx(b.graph([y]))
>>> [f"{node.domain}.{node.op_type}" for node in model.graph.node]
['org.xnorkit.Sign', 'org.xnorkit.Bdense', '.Flatten']
"""

from __future__ import annotations

import math
import os
from typing import Any

import numpy as np

from ..errors import LimitError
from ..format.atomic import write_atomic
from ..graph.infer import complete_attrs, infer
from ..graph.ir import Graph, Node
from ..graph.tensors import tensor_shape
from ..graph.verify import verify
from ..reference.ops import OPS
from ..reference.shapes import TensorType
from .functions import DOMAIN, OPSET, VERSION, functions, needed, onnx

IR_VERSION = 10
SUFFIX = ".onnx"
LARGEST = 2**31 - 1
"""Bytes of a protobuf message."""

_ELEMENT = {"f32": "FLOAT", "u8": "UINT8", "bits": "INT8", "i32": "INT32", "i8": "INT8", "bf16": "BFLOAT16"}
_DENSE_CODES = ("wconv2d", "wdense")


def save_onnx(graph: Graph, path: str | os.PathLike[str]) -> int:
    """Write ``to_onnx(graph)`` atomically; returns the file's size in bytes.

    Raises GraphError, MissingDependencyError, LimitError (2 GiB or more), SaveError.
    """
    model = to_onnx(graph)
    if model.ByteSize() > LARGEST:
        raise LimitError(str(path), "bytes of an ONNX file", got=model.ByteSize(), expected=f"at most {LARGEST}")
    return write_atomic(path, [model.SerializeToString(deterministic=True)])


def to_onnx(graph: Graph) -> Any:
    """The graph as a checked ``onnx.ModelProto``. Raises GraphError, MissingDependencyError."""
    verify(graph)
    helper, types = onnx().helper, infer(graph)
    nodes, initializers = [], []
    for node in graph.nodes:
        if node.op != "input":
            nodes += _nodes(node, types)
            initializers += [_tensor(node, role, graph) for role in node.tensors]
    for name in graph.outputs:
        if types[name].shape[:2] == (1, 1):
            nodes.append(helper.make_node("Flatten", [name], [f"{name}.vector"], f"{name}.vector", axis=1))
    inputs = [_value(n.name, types[n.name]) for n in graph.nodes if n.op == "input"]
    outputs = [_output(name, types[name]) for name in graph.outputs]
    used = needed(dict.fromkeys(node.op_type for node in nodes if node.domain == DOMAIN))
    opsets = [helper.make_opsetid("", OPSET), helper.make_opsetid(DOMAIN, VERSION)]
    model = helper.make_model(
        helper.make_graph(nodes, graph.meta.get("name", "xnorkit"), inputs, outputs, initializers),
        functions=used, opset_imports=opsets, ir_version=IR_VERSION, producer_name="xnorkit",
    )  # fmt: skip
    helper.set_model_props(model, dict(sorted(graph.meta.items())))
    onnx().checker.check_model(model)
    return model


def function_name(node: Node, types: dict[str, TensorType]) -> str:
    """The function of ``functions.onnxtxt`` that is a node's meaning."""
    name = "".join(part.capitalize() for part in node.op.split("_"))
    source = types[node.inputs[0]].dtype
    if node.op in _DENSE_CODES:
        signed = complete_attrs(node)["activation_levels"] == "signed"
        return name + ("Float" if source == "f32" else "Signed" if signed else "")
    if node.op == "qdense" and source == "bits":
        return name + "Signs"
    return name + ("Flipped" if node.op == "max_pool2d" and "flip" in node.tensors else "")


def _nodes(node: Node, types: dict[str, TensorType]) -> list[Any]:
    """The node's call, and the addition of its bias where it has one."""
    helper, name = onnx().helper, function_name(node, types)
    roles = [role for role in OPS[node.op].tensors if role in node.tensors and role != "bias"]
    biased = "bias" in node.tensors and node.op != "affine"
    if node.op == "affine":
        roles.append("bias")
    if node.op == "quantize":
        roles = ["scale", "bias"]
        biased = False
    made = f"{node.name}.sum" if biased else node.name
    known = _attributes(node, types)
    chosen = {key: known[key] for key in functions()[name].attribute}
    call = helper.make_node(name, [*node.inputs, *(node.tensors[r] for r in roles)], [made], node.name, node.source,
                            domain=DOMAIN, **chosen)  # fmt: skip
    if not biased:
        return [call]
    return [call, helper.make_node("Add", [made, node.tensors["bias"]], [node.name], f"{node.name}.bias")]


def _attributes(node: Node, types: dict[str, TensorType]) -> dict[str, Any]:
    """All that a function may ask for."""
    attrs, inputs = complete_attrs(node), tuple(types[name] for name in node.inputs)
    known: dict[str, Any] = {key: list(v) if isinstance(v, tuple) else v for key, v in attrs.items()}
    known["type"] = getattr(onnx().TensorProto, _ELEMENT[types[node.name].dtype])
    for role, spec in OPS[node.op].tensors.items():
        if spec.dtype == "bits" and role in node.tensors:
            shape = tensor_shape(node.name, spec, inputs, attrs)
            known |= {"shape": list(shape), "count": [math.prod(shape)], "column": [-1] + [1] * (len(shape) - 1)}
    if "padding" in attrs:
        top, left, bottom, right = attrs["padding"]
        known["margins"] = [0, 0, top, left, 0, 0, bottom, right]
    if "activation_bits" in attrs:
        most = 2 ** attrs["activation_bits"] - 1
        known["most"] = float(most) if node.op == "quantize" else most
    if "planes" in attrs:
        known["worth"] = [0.5, 0.5] if attrs["levels"] == "ternary" else [2.0**i for i in range(attrs["planes"])]
    return {key: int(v) if isinstance(v, bool) else v for key, v in known.items()}


def _tensor(node: Node, role: str, graph: Graph) -> Any:
    """A tensor as it is stored in the graph: packed bits stay bytes."""
    array, key = np.ascontiguousarray(graph.array(node.tensors[role])), node.tensors[role]
    dtype = OPS[node.op].tensors[role].dtype
    element = getattr(onnx().TensorProto, "UINT8" if dtype == "bits" else _ELEMENT[dtype])
    return onnx().helper.make_tensor(key, element, array.shape, array.tobytes(), raw=True)


def _value(name: str, kind: TensorType) -> Any:
    element = getattr(onnx().TensorProto, _ELEMENT[kind.dtype])
    return onnx().helper.make_tensor_value_info(name, element, ["N", *kind.shape])


def _output(name: str, kind: TensorType) -> Any:
    """Vectors are ``(N, C)``, as a session returns them."""
    if kind.shape[:2] != (1, 1):
        return _value(name, kind)
    element = getattr(onnx().TensorProto, _ELEMENT[kind.dtype])
    return onnx().helper.make_tensor_value_info(f"{name}.vector", element, ["N", kind.shape[2]])
