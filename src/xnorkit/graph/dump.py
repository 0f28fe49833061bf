"""A graph as text: one line a value, one a tensor; stable, so that two dumps can be compared with diff.

>>> from .ir import Graph, Node
>>> nodes = (Node("x", "input", attrs={"dtype": "f32", "shape": (1, 1, 4)}), Node("y", "sign", ("x",), source="act"))
>>> print(dump(Graph(nodes, ("y",), meta={"data": "digits"})))
graph: 2 nodes, 0 tensors, 0 bytes
meta data: digits
x: f32[1x1x4] = input(dtype=f32, shape=1x1x4)
y: bits[1x1x4] = sign(x)  # act
return y
"""

from __future__ import annotations

import hashlib
from typing import Any

from ..reference.codecs.coded import Coded
from ..reference.ops import OPS
from .infer import complete_attrs, infer
from .ir import Graph, Node
from .tensors import tensor_shape


def dump(graph: Graph) -> str:
    """The text. Attributes at their defaults are left out; a tensor's line ends in 8 hex digits of its SHA-256.

    Raises GraphError when the types cannot be inferred.
    """
    types = infer(graph)
    total = sum(array.nbytes for array in graph.tensors.values())
    lines = [f"graph: {len(graph.nodes)} nodes, {len(graph.tensors)} tensors, {total} bytes"]
    lines += [f"meta {_line(key)}: {_line(graph.meta[key])}" for key in sorted(graph.meta)]
    for node in graph.nodes:
        arguments = [*node.inputs, *_attributes(node)]
        comment = f"  # {_line(node.source)}" if node.source else ""
        lines.append(f"{node.name}: {types[node.name]} = {node.op}({', '.join(arguments)}){comment}")
        inputs = tuple(types[name] for name in node.inputs)
        for role, key in node.tensors.items():
            spec, array = OPS[node.op].tensors[role], graph.tensors[key]
            shape = _text(tensor_shape(key, spec, inputs, complete_attrs(node)))
            digest = hashlib.sha256(array.tobytes()).hexdigest()[:8]
            coded = f" as {array.codec}" if isinstance(array, Coded) else ""
            lines.append(f"  {role}: {spec.dtype}[{shape}]{coded} {array.nbytes} bytes, {key}, {digest}")
    lines.append(f"return {', '.join(graph.outputs)}")
    return "\n".join(lines)


def _attributes(node: Node) -> list[str]:
    defaults = {name: spec.default for name, spec in OPS[node.op].attrs.items()}
    return [f"{name}={_text(value)}" for name, value in complete_attrs(node).items() if value != defaults[name]]


def _line(text: str) -> str:
    """Text from a file on one line: as it is when printable, else quoted and escaped."""
    return text if text.isprintable() else repr(text)


def _text(value: Any) -> str:
    if isinstance(value, tuple):
        return "x".join(map(str, value))
    return str(value).lower() if isinstance(value, bool) else str(value)
