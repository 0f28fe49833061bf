"""Why a value of a packed graph is not one bit: one sentence for each kind of node, with what to do about it.

>>> from .build import GraphBuilder
>>> b = GraphBuilder()
>>> x = b.input("x", "f32", (1, 1, 2))
>>> s = b.add("sign", b.add("add", x, b.add("relu", x)), name="s")
>>> reason(b.graph([s]), "s")
'sign of floats: its input is a residual sum'
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from ..reference.shapes import TensorType
from .infer import complete_attrs, infer
from .ir import Graph, Node

Types = Mapping[str, TensorType]
Why = str | Callable[[Graph, Node, Types], str]

_SOURCES = {
    "add": "a residual sum",
    "input": "the input itself",
    "conv2d": "a sum of floats",
    "dense": "a sum of floats",
    "wconv2d": "a sum of floats",
    "wdense": "a sum of floats",
    "scale_map": "multiplied by K, another number at every pixel",
    "scale_channels": "multiplied by a gate, another number for every image",
    "avg_pool2d": "a mean",
    "global_avg_pool2d": "a mean",
    "prelu": "a PReLU that falls somewhere",
    "concat": "features joined as floats, which others read, too",
}
"""What no integer threshold can stand for, by the operation that made it."""
_THROUGH = {"affine", "relu", "hardtanh", "tanh", "sigmoid", "max_pool2d", "flatten"}


def reason(graph: Graph, name: str, types: Types | None = None) -> str:
    """Why the node computes on more than bits; "" where it does not.

    types: of the graph's values, where the caller has inferred them. KeyError for an unknown node.
    """
    node, known = graph.node(name), types or infer(graph)
    why = WHY.get(node.op, "")
    return why if isinstance(why, str) else why(graph, node, known)


def _sign(graph: Graph, node: Node, types: Types) -> str:
    source = graph.node(node.inputs[0])
    while source.op in _THROUGH:
        source = graph.node(source.inputs[0])
    return f"sign of floats: its input is {_SOURCES.get(source.op, 'read as a float elsewhere, too')}"


def _sums(graph: Graph, node: Node, types: Types) -> str:
    """Binary layers: bits, unless somebody reads their sums as more."""
    readers = {user.op for user in graph.users(node.name)}
    if readers and readers <= {"threshold"}:
        return ""
    if not readers or node.name in graph.outputs:
        return "one-bit weights, whose sums are scores"
    return "one-bit weights, whose sums leave as " + ("codes" if readers <= {"multithreshold"} else "floats")


def _conv2d(graph: Graph, node: Node, types: Types) -> str:
    groups = complete_attrs(node)["groups"]
    if groups > 1 and groups == types[node.inputs[0]].shape[2]:
        return "float32 weights, one window a channel (depthwise)"
    return "float32 weights: BinaryConv2d would make them one-bit"


def _int8(graph: Graph, node: Node, types: Types) -> str:
    pixels = types[node.inputs[0]].dtype == "u8"
    return "int8 weights: " + ("a first layer, on pixels" if pixels else "a last layer keeps eight bits for its scores")


def _few_bits(graph: Graph, node: Node, types: Types) -> str:
    attrs = complete_attrs(node)
    planes = attrs["planes"]
    what = "ternary weights" if attrs["levels"] == "ternary" else f"{planes}-bit weights"
    on = "floats" if types[node.inputs[0]].dtype == "f32" else f"{attrs['activation_bits']}-bit codes"
    return f"{what} on {on}"


def _moved(graph: Graph, node: Node, types: Types) -> str:
    kind = types[node.name].dtype
    return "" if kind == "bits" else f"{node.op} of " + {"f32": "floats", "i32": "integer sums", "u8": "codes"}[kind]


WHY: dict[str, Why] = {
    "bconv2d": _sums,
    "bdense": _sums,
    "qconv2d": _int8,
    "qdense": _int8,
    "wconv2d": _few_bits,
    "wdense": _few_bits,
    "conv2d": _conv2d,
    "dense": "float32 weights: BinaryLinear would make them one-bit",
    "dense_bf16": "bfloat16 weights: a last layer",
    "dense_i8": "int8 weights on floats: a last layer",
    "multithreshold": "codes of several bits",
    "quantize": "floats become codes",
    "sign": _sign,
    "affine": "a scale or batch norm on floats",
    "add": "a residual sum of floats",
    "kmap": "XNOR-Net's K, a map of floats",
    "scale_map": "floats times XNOR-Net's K",
    "scale_channels": "floats times a gate of the picture",
    "relu": "a float activation",
    "prelu": "a float activation",
    "hardtanh": "a float activation",
    "tanh": "a float activation",
    "sigmoid": "a float activation",
    "max_pool2d": _moved,
    "avg_pool2d": "a mean of floats",
    "global_avg_pool2d": "a mean of floats",
    "concat": _moved,
    "pick_channels": _moved,
    "flatten": _moved,
}
"""Operation -> why it is not one-bit. Those that are missing compute on bits: input and threshold."""
