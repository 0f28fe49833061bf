"""The chain between an integer accumulator and a sign: walking it, bounding it, evaluating it.

A chain is ``acc -> n1 -> ... -> nk -> sign`` where every ``ni`` has one input and is, channel by channel, either
monotone and elementwise (affine, ReLU, PReLU with slopes >= 0, hardtanh, tanh, sigmoid), a max-pool, or a flatten.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...reference.bits import unpack_flat
from ...reference.bounds import accumulator_range
from ...reference.ops import OPS, Array
from ...reference.shapes import TensorType
from ...reference.wbits import weight_values
from ..ir import Graph, Node

Evaluate = Callable[[NDArray[np.float32]], NDArray[np.float32]]
"""Maps candidate values ``(K, C)`` to the values one elementwise node gives them, ``(K, C)``, float32."""

ACCUMULATORS = frozenset({"bconv2d", "bdense", "qconv2d", "qdense", "wconv2d", "wdense"})
"""Integer sums; those of ``wconv2d`` and ``wdense`` only where the result is i32."""
ELEMENTWISE = frozenset({"affine", "relu", "prelu", "hardtanh", "tanh", "sigmoid"})


@dataclass(frozen=True)
class Chain:
    """``acc`` (an accumulator node), the nodes after it up to the sign, and the sign itself."""

    acc: Node
    links: tuple[Node, ...]
    sign: Node


def walk(graph: Graph, sign: Node) -> Chain | None:
    """The chain that ends in ``sign``, or None when something else than a chain feeds it."""
    by_name = {node.name: node for node in graph.nodes}
    links: list[Node] = []
    node = by_name[sign.inputs[0]]
    while node.op not in ACCUMULATORS:
        if node.op not in ELEMENTWISE | {"max_pool2d", "flatten"} or not _monotone(graph, node):
            return None
        links.append(node)
        node = by_name[node.inputs[0]]
    return Chain(node, tuple(reversed(links)), sign)


def _monotone(graph: Graph, node: Node) -> bool:
    return node.op != "prelu" or bool((graph.tensors[node.tensors["slope"]] >= 0).all())


def tensors_by_meaning(graph: Graph, node: Node, types: Mapping[str, TensorType]) -> dict[str, Array]:
    """The node's tensors as ``Op.run`` wants them: bits unpacked to int8 -1/+1 of their canonical shape."""
    row = OPS[node.op]
    inputs = tuple(types[name] for name in node.inputs)
    attrs = row.complete(node.attrs)
    found: dict[str, Array] = {}
    for role, key in node.tensors.items():
        spec, array = row.tensors[role], graph.tensors[key]
        found[role] = unpack_flat(array, spec.shape(inputs, attrs)) if spec.dtype == "bits" else array
    return found


def bound(graph: Graph, acc: Node, types: Mapping[str, TensorType]) -> int:
    """Largest absolute value the accumulator can take for any input, with the weights it has."""
    weight = tensors_by_meaning(graph, acc, types)["weight"]
    inputs = (0, 255) if types[acc.inputs[0]].dtype == "u8" else (-1, 1)
    attrs = OPS[acc.op].complete(acc.attrs)
    if "planes" in attrs:
        weight, most = weight_values(weight, attrs["levels"]), (1 << attrs["activation_bits"]) - 1
        inputs = (-most if attrs["activation_levels"] == "signed" else 0, most)
    low, high = accumulator_range(weight, *inputs)
    return int(max(-low.min(), high.max()))


def table_evaluate(graph: Graph, node: Node, types: Mapping[str, TensorType]) -> Evaluate:
    """The node's meaning in the op table, applied to candidates ``(K, C)``."""
    row, attrs = OPS[node.op], OPS[node.op].complete(node.attrs)
    tensors = tensors_by_meaning(graph, node, types)

    def evaluate(x: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.asarray(row.run([x[:, None, None, :]], attrs, tensors), dtype=np.float32)[:, 0, 0, :]

    return evaluate
