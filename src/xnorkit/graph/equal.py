"""Equality of graphs: same nodes, attributes (defaults filled in), outputs, metadata, and bit-identical tensors."""

from __future__ import annotations

from .infer import complete_attrs
from .ir import Graph, Node


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
    if list(a.tensors) != list(b.tensors):
        return f"tensor names: {list(a.tensors)} and {list(b.tensors)}"
    for key, left_array in a.tensors.items():
        right_array = b.tensors[key]
        if left_array.dtype != right_array.dtype or left_array.shape != right_array.shape:
            return (f"tensor {key}: {left_array.dtype} {left_array.shape} and {right_array.dtype} {right_array.shape}")  # fmt: skip
        if left_array.tobytes() != right_array.tobytes():
            return f"tensor {key}: values"
    return ""


def equal(a: Graph, b: Graph) -> bool:
    """True where ``difference`` finds nothing."""
    return not difference(a, b)


def _facts(node: Node) -> tuple[object, ...]:
    return node.name, node.op, tuple(node.inputs), complete_attrs(node), dict(node.tensors), node.source
