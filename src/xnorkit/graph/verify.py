"""The rules of a graph and the closed list of ways to break them. Nothing downstream checks them again in Python.

>>> from .ir import Graph
>>> verify(Graph((), ()))
Traceback (most recent call last):
...
xnorkit.errors.GraphError: [graph] the graph has no input node (no_input)
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from ..errors import GraphError
from ..format.layout import MAX_TENSORS, METADATA, PAD_PREFIX, TENSOR_NAME
from ..reference.shapes import TensorType
from .infer import complete_attrs, infer, shown
from .ir import Graph, Node
from .tensors import check_tensors

MAX_NODES = 4096
MAX_META = 256
MAX_TEXT = 65_536
"""Characters in one metadata value or in a node's source."""
NODE_NAME = re.compile(r"[A-Za-z0-9_.]{1,128}")

GRAPH_REASONS: dict[str, str] = {
    "bad_schema": "the graph JSON has an unknown or missing field, or one of the wrong type",
    "limit": "more than 4096 nodes or tensors, or a value or tensor with 2^31 elements or more",
    "bad_name": "a name is empty, too long, reserved, or has other characters than letters, digits, '_' and '.'",
    "bad_meta": "metadata or a node's source is no text, too long or too much",
    "duplicate_name": "two nodes have the same name",
    "unknown_op": "no such row in the op table",
    "input_count": "the op takes another number of inputs",
    "unknown_input": "an input names no node",
    "order": "an input names the node itself or a later one: a cycle, or nodes out of order",
    "bad_attr": "an attribute is unknown, missing, of the wrong kind or out of range",
    "bad_type": "an input has an element type the op does not accept",
    "bad_shape": "sizes that do not fit together",
    "no_input": "the graph has no input node",
    "no_output": "the graph has no output",
    "unknown_output": "an output names no node, or is named twice",
    "unknown_role": "the op has no tensor of this role",
    "missing_tensor": "a required tensor is absent",
    "unused_tensor": "a tensor that no node reads",
    "tensor_dtype": "a tensor has another element type than its role",
    "tensor_shape": "a tensor has another shape than its role",
    "tensor_range": "a tensor holds NaN, infinity, -128, or bits other than -1 and +1",
    "bits_tail": "a bits tensor has bits set after its last element",
    "flip_input": "max_pool2d has a flip but its input is not bits",
    "coded": "coded weights whose attributes, parts or streams do not fit their codec or each other",
    "accumulator": "a sum of integer products could pass the int32 range",
}
"""Reason -> what it means. Every GraphError carries one of these; one test per reason."""


def verify(graph: Graph) -> dict[str, TensorType]:
    """Check the whole graph and return the type of every value.

    Raises GraphError with a reason of ``GRAPH_REASONS``; the first broken rule is reported, with the node's name.
    """
    _check_limits(graph)
    for node in graph.nodes:
        check_names(node)
    for key in graph.tensors:
        if not TENSOR_NAME.fullmatch(key) or key.startswith(PAD_PREFIX) or key == METADATA:
            raise GraphError("bad_name", "graph", "tensor name", got=ascii(key)[:200])
    check_meta(graph.meta)
    types = infer(graph)
    if not any(node.op == "input" for node in graph.nodes):
        raise GraphError("no_input", "graph", "the graph has no input node")
    if not graph.outputs:
        raise GraphError("no_output", "graph", "the graph has no output")
    for i, name in enumerate(graph.outputs):
        if name not in types or name in graph.outputs[:i]:
            raise GraphError("unknown_output", "graph", "output", got=shown(name), expected="the name of a node, once")
    for node in graph.nodes:
        check_tensors(node, tuple(types[name] for name in node.inputs), complete_attrs(node), graph.tensors)
    used = {key for node in graph.nodes for key in node.tensors.values()}
    unused = [key for key in graph.tensors if key not in used]
    if unused:
        raise GraphError("unused_tensor", "graph", "tensor", got=unused[0], expected="only tensors that a node reads")
    return types


def _check_limits(graph: Graph) -> None:
    for what, count, limit in (("nodes", len(graph.nodes), MAX_NODES), ("tensors", len(graph.tensors), MAX_TENSORS),
                               ("outputs", len(graph.outputs), MAX_NODES)):  # fmt: skip
        if count > limit:
            raise GraphError("limit", "graph", what, got=count, expected=f"at most {limit}")


def check_names(node: Node) -> None:
    """Raises GraphError ``bad_name`` for the node's name, ``bad_meta`` for its source."""
    if not isinstance(node.name, str) or not NODE_NAME.fullmatch(node.name):
        raise GraphError("bad_name", "graph", "node name", got=ascii(node.name)[:200],
                         expected="1..128 letters, digits, '_' and '.'")  # fmt: skip
    if not is_text(node.source):
        raise GraphError(
            "bad_meta", node.name, "source", got=ascii(node.source)[:64], expected=f"text up to {MAX_TEXT}"
        )


def check_meta(meta: Mapping[str, str]) -> None:
    """Metadata is text to text: at most MAX_META entries of MAX_TEXT characters. Raises GraphError ``bad_meta``."""
    if len(meta) > MAX_META:
        raise GraphError("bad_meta", "meta", "entries", got=len(meta), expected=f"at most {MAX_META}")
    for key, value in meta.items():
        if not is_text(key) or not is_text(value):
            raise GraphError("bad_meta", "meta", "entry", got=f"{ascii(key)[:64]}: {ascii(value)[:64]}",
                             expected=f"text up to {MAX_TEXT} without NUL")  # fmt: skip


def is_text(value: object) -> bool:
    """Unicode text that a file can hold: no NUL, no half surrogate pair, bounded."""
    return (
        isinstance(value, str)
        and len(value) <= MAX_TEXT
        and not any(c == "\0" or "\ud800" <= c <= "\udfff" for c in value)
    )
