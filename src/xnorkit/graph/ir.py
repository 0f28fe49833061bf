"""The graph: nodes in topological order, each with exactly one output value that carries the node's name.

A graph holds meaning, not tiles: weights as canonical arrays, bits as packed bytes, nothing that depends on a CPU.

>>> g = Graph(nodes=(Node("x", "input", attrs={"dtype": "f32", "shape": (1, 1, 4)}), Node("y", "sign", ("x",))),
...           outputs=("y",))
>>> g.node("y").op
'sign'
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from numpy.typing import NDArray

from ..reference.codecs.coded import Coded
from ..reference.codecs.table import decode

Tensor = NDArray[Any] | Coded
"""A tensor of a graph: an array, or float32 weights in the parts of a codec."""


@dataclass(frozen=True)
class Node:
    """One operation.

    name: unique; also the name of its output value (letters, digits, ``_``, ``.``; at most 128).
    op: a row of ``reference.ops.OPS``.
    inputs: names of earlier nodes.
    attrs: the row's attributes (missing ones take the row's defaults).
    tensors: role -> key of ``Graph.tensors``.
    source: dotted path of the module in the trained model, "" when there is none.
    """

    name: str
    op: str
    inputs: tuple[str, ...] = ()
    attrs: Mapping[str, Any] = field(default_factory=dict)
    tensors: Mapping[str, str] = field(default_factory=dict)
    source: str = ""


@dataclass(frozen=True)
class Graph:
    """Nodes, the names of the output values, the tensors, and text metadata (class names, data set, recipe...).

    Tensors are NumPy arrays: float32, int32, int8, and uint8 for ``bits`` (flat bytes, ``reference.bits.pack_flat``);
    float32 weights may stand as the parts of a codec instead (``reference.codecs``), which say the same numbers.
    """

    nodes: tuple[Node, ...]
    outputs: tuple[str, ...]
    tensors: Mapping[str, Tensor] = field(default_factory=dict)
    meta: Mapping[str, str] = field(default_factory=dict)

    def node(self, name: str) -> Node:
        """The node of that name; KeyError if there is none."""
        for node in self.nodes:
            if node.name == name:
                return node
        raise KeyError(name)

    def users(self, name: str) -> tuple[Node, ...]:
        """Nodes that read the value ``name``, in order."""
        return tuple(n for n in self.nodes if name in n.inputs)

    def array(self, key: str) -> NDArray[Any]:
        """A tensor as its numbers. Raises GraphError ``coded`` for coded weights that are damaged."""
        tensor = self.tensors[key]
        return decode(tensor) if isinstance(tensor, Coded) else tensor

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Every tensor as its numbers. Raises as ``array``."""
        return {key: self.array(key) for key in self.tensors}

    def decoded(self) -> Graph:
        """The same graph with every tensor as its numbers. Raises as ``array``."""
        return replace(self, tensors=self.arrays())
