"""The chain between an integer accumulator and a sign or quantizer: walking it, bounding it, evaluating it.

A chain is ``acc -> n1 -> ... -> nk -> end`` where every ``ni`` has one input and is, channel by channel, either
monotone and elementwise (affine, ReLU, PReLU with slopes >= 0, hardtanh, tanh, sigmoid), a max-pool, or a flatten.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...reference.bits import unpack_flat
from ...reference.bounds import accumulator_range, float32_exact
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
    """``acc`` (an accumulator node), the nodes after it up to the end, and the end itself: ``sign`` or ``quantize``."""

    acc: Node
    links: tuple[Node, ...]
    end: Node


def walk(graph: Graph, end: Node) -> Chain | None:
    """The chain that ends in ``end``, or None when something else than a chain feeds it."""
    by_name = {node.name: node for node in graph.nodes}
    links: list[Node] = []
    node = by_name[end.inputs[0]]
    while node.op not in ACCUMULATORS:
        if node.op not in ELEMENTWISE | {"max_pool2d", "flatten"} or not _monotone(graph, node):
            return None
        links.append(node)
        node = by_name[node.inputs[0]]
    return Chain(node, tuple(reversed(links)), end)


def _monotone(graph: Graph, node: Node) -> bool:
    return node.op != "prelu" or bool((graph.array(node.tensors["slope"]) >= 0).all())


def tensors_by_meaning(graph: Graph, node: Node, types: Mapping[str, TensorType]) -> dict[str, Array]:
    """The node's tensors as ``Op.run`` wants them: bits unpacked to int8 -1/+1 of their canonical shape."""
    row = OPS[node.op]
    inputs = tuple(types[name] for name in node.inputs)
    attrs = row.complete(node.attrs)
    found: dict[str, Array] = {}
    for role, key in node.tensors.items():
        spec, array = row.tensors[role], graph.array(key)
        found[role] = unpack_flat(array, spec.shape(inputs, attrs)) if spec.dtype == "bits" else array
    return found


def bound(graph: Graph, acc: Node, types: Mapping[str, TensorType]) -> int:
    """Largest absolute value the accumulator can take for any input, with the weights it has."""
    weight = tensors_by_meaning(graph, acc, types)["weight"]
    most = _largest_code(graph, acc.inputs[0])
    inputs = (0, most) if types[acc.inputs[0]].dtype == "u8" else (-1, 1)
    attrs = OPS[acc.op].complete(acc.attrs)
    if "planes" in attrs:
        weight, most = weight_values(weight, attrs["levels"]), (1 << attrs["activation_bits"]) - 1
        inputs = (-most if attrs["activation_levels"] == "signed" else 0, most)
    low, high = accumulator_range(weight, *inputs)
    return int(max(-low.min(), high.max()))


def _largest_code(graph: Graph, name: str) -> int:
    """What a u8 value can be at most: codes of k bits stay below 2^k, pixels below 256."""
    node = graph.node(name)
    while node.op in ("max_pool2d", "flatten"):
        node = graph.node(node.inputs[0])
    bits = OPS[node.op].complete(node.attrs)["activation_bits"] if node.op in ("quantize", "multithreshold") else 8
    return int((1 << bits) - 1)


def expressions(graph: Graph, chain: Chain, types: Mapping[str, TensorType],
                exact: Mapping[str, Evaluate]) -> tuple[dict[str, Evaluate], int] | None:  # fmt: skip
    """(the map of every elementwise link by name, the bound of the accumulator); None unless all is exact in float32.

    ``exact`` gives, by node name, the float32 expression that training evaluated for that node.
    """
    if types[chain.acc.name].dtype != "i32":
        return None
    limit = bound(graph, chain.acc, types)
    if not float32_exact(limit):
        return None
    links = [link for link in chain.links if link.op in ELEMENTWISE]
    return {link.name: exact.get(link.name) or table_evaluate(graph, link, types) for link in links}, limit


def compose(links: tuple[Node, ...], maps: Mapping[str, Evaluate], channels: int) -> Evaluate:
    """All elementwise maps of ``links`` in order; maps of C channels see C' = H*W*C values as H*W rows of C."""

    def evaluate(x: NDArray[np.float32]) -> NDArray[np.float32]:
        width = channels
        for link in links:
            if link.op == "flatten":
                width = x.shape[1]
            elif link.name in maps:
                x = maps[link.name](x.reshape(-1, width)).reshape(x.shape)
        return x

    return evaluate


def falling(g: Evaluate, h: Evaluate, limit: int, channels: int) -> NDArray[np.bool_]:
    """Channels where g decreases over the range of h: compare both ends; a monotone g with equal ends is constant."""
    ends = h(np.repeat(np.array([[-limit], [limit]], dtype=np.float32), channels, axis=1))
    values = g(ends)
    return np.asarray((ends[1] - ends[0]) * (values[1] - values[0]) < 0)


def table_evaluate(graph: Graph, node: Node, types: Mapping[str, TensorType]) -> Evaluate:
    """The node's meaning in the op table, applied to candidates ``(K, C)``."""
    row, attrs = OPS[node.op], OPS[node.op].complete(node.attrs)
    tensors = tensors_by_meaning(graph, node, types)

    def evaluate(x: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.asarray(row.run([x[:, None, None, :]], attrs, tensors), dtype=np.float32)[:, 0, 0, :]

    return evaluate
