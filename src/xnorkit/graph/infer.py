"""Types of values: what each node returns, from the op table and its inputs.

>>> from .ir import Graph, Node
>>> nodes = (Node("x", "input", attrs={"dtype": "f32", "shape": (2, 2, 3)}), Node("y", "flatten", ("x",)))
>>> print(infer(Graph(nodes, ("y",)))["y"])
f32[1x1x12]
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from ..errors import GraphError, LimitError, ShapeError
from ..reference.ops import OPS, Op
from ..reference.shapes import TensorType
from .ir import Graph, Node


def infer(graph: Graph) -> dict[str, TensorType]:
    """Name -> type of every value, in node order. Tensors are not looked at (``verify`` does).

    Raises GraphError: ``duplicate_name``, ``unknown_op``, ``input_count``, ``unknown_input``, ``order``, ``bad_attr``,
    ``bad_type``, ``bad_shape`` or ``limit``.
    """
    names = frozenset(node.name for node in graph.nodes)
    types: dict[str, TensorType] = {}
    for node in graph.nodes:
        if node.name in types:
            raise GraphError("duplicate_name", node.name, "two nodes have this name")
        types[node.name] = infer_node(node, types, names)
    return types


def infer_node(node: Node, types: Mapping[str, TensorType], names: Collection[str] = ()) -> TensorType:
    """Type of the node's value. ``types``: values before it; ``names``: all names, to tell a cycle from a typo."""
    row = op_row(node)
    if len(node.inputs) != len(row.accepts):
        raise GraphError(
            "input_count", node.name, f"{row.name} inputs", got=len(node.inputs), expected=len(row.accepts)
        )
    for name in node.inputs:
        if name not in types and name in names:
            raise GraphError("order", node.name, "input is the node itself or comes after it (a cycle?)",
                             got=shown(name), expected="a node before it")  # fmt: skip
        if name not in types:
            raise GraphError(
                "unknown_input", node.name, "input", got=shown(name), expected="the name of a node before it"
            )
    inputs = tuple(types[name] for name in node.inputs)
    for name, found, accepted in zip(node.inputs, inputs, row.accepts, strict=True):
        if found.dtype not in accepted:
            raise GraphError(
                "bad_type", node.name, f"{row.name} input {name!r}", got=found, expected=" or ".join(sorted(accepted))
            )
    attrs = complete_attrs(node)
    try:
        return row.infer(inputs, attrs)
    except ShapeError as error:
        raise _at_node("bad_shape", node, error) from error
    except LimitError as error:
        raise _at_node("limit", node, error) from error


def op_row(node: Node) -> Op:
    """The node's row of the op table. Raises GraphError ``unknown_op``."""
    row = OPS.get(node.op)
    if row is None:
        raise GraphError("unknown_op", node.name, "op", got=shown(node.op), expected="a row of `xnorkit list ops`",
                         hint="a file from a newer xnorkit may hold newer ops: pip install -U xnorkit")  # fmt: skip
    return row


def complete_attrs(node: Node) -> dict[str, Any]:
    """The node's attributes with the row's defaults. Raises GraphError ``bad_attr`` naming the node."""
    try:
        return op_row(node).complete(node.attrs)
    except GraphError as error:
        if error.reason == "bad_attr":
            raise _at_node("bad_attr", node, error) from error
        raise


def shown(value: object) -> str:
    r"""A value from a file as an error may print it: short, and without control characters.

    >>> shown((3, 3)), shown("tab\t!")
    ('(3, 3)', "'tab\\t!'")
    """
    text = str(value)
    return (text if text.isascii() and text.isprintable() else ascii(text))[:200]


def _at_node(reason: str, node: Node, error: GraphError | ShapeError | LimitError) -> GraphError:
    """The same complaint, with the node's name in front."""
    what = error.what.removesuffix(f" ({reason})")
    facts = {
        key: shown(value) for key, value in (("got", error.got), ("expected", error.expected)) if value is not None
    }
    return GraphError(reason, f"{node.name}: {error.where}", what, hint=error.hint, **facts)
