"""Equality of graphs: same nodes, attributes (defaults filled in), outputs, metadata, and bit-identical tensors."""

from __future__ import annotations

from ..reference.codecs.coded import Coded
from ..reference.codecs.table import part_bytes
from .infer import complete_attrs
from .ir import Graph, Node, Tensor


def difference(a: Graph, b: Graph) -> str:
    """What first differs, in words, or "" for equal graphs. Floats are compared by their bytes (-0 is not +0).

    >>> from .ir import Node
    >>> nodes = (Node("x", "input", attrs={"dtype": "f32", "shape": (1, 1, 4)}), Node("y", "sign", ("x",)))
    >>> difference(Graph(nodes, ("y",)), Graph(nodes, ("y",))), difference(Graph(nodes, ("y",)), Graph(nodes, ("x",)))
    ('', "outputs: ('y',) and ('x',)")
    """
    if len(a.nodes) != len(b.nodes):
        return f"number of nodes: {len(a.nodes)} and {len(b.nodes)}"
    for left, right in zip(a.nodes, b.nodes, strict=True):
        if _facts(left) != _facts(right):
            return f"node: {left} and {right}"
    if tuple(a.outputs) != tuple(b.outputs):
        return f"outputs: {a.outputs} and {b.outputs}"
    if dict(a.meta) != dict(b.meta):
        return f"meta: {dict(a.meta)} and {dict(b.meta)}"
    if set(a.tensors) != set(b.tensors):
        return f"tensor names: {sorted(a.tensors)} and {sorted(b.tensors)}"
    for key, array in a.tensors.items():
        other = b.tensors[key]
        if array.dtype != other.dtype or array.shape != other.shape:
            return f"tensor {key}: {array.dtype} {array.shape} and {other.dtype} {other.shape}"
        if _code(array) != _code(other):
            return f"tensor {key}: coded as {_code(array)} and {_code(other)}"
        if array.tobytes() != other.tobytes():
            return f"tensor {key}: values"
    return ""


def equal(a: Graph, b: Graph) -> bool:
    """True where ``difference`` finds nothing."""
    return not difference(a, b)


def _code(tensor: Tensor) -> tuple[object, ...]:
    """Codec, attributes and sizes of parts; nothing for an array."""
    return (tensor.codec, tensor.attrs, part_bytes(tensor)) if isinstance(tensor, Coded) else ()


def _facts(node: Node) -> tuple[object, ...]:
    return node.name, node.op, tuple(node.inputs), complete_attrs(node), dict(node.tensors), node.source
