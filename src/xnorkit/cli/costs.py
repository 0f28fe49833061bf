"""What a packed graph costs: parameters, bytes and multiply-adds of every node, by kind of arithmetic.

Multiply-adds (MACs) of a convolution are ``Ho * Wo * O * kH * kW * C / groups``, of a dense layer ``O * C``; a binary
MAC is one XOR bit and its share of a popcount.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from math import prod

from ..graph.infer import infer
from ..graph.ir import Graph, Node
from ..reference.ops import OPS
from ..reference.shapes import TensorType

KINDS = {
    "bconv2d": "binary",
    "bdense": "binary",
    "wconv2d": "few-bit weights",
    "wdense": "few-bit weights",
    "qconv2d": "int8",
    "qdense": "int8",
    "conv2d": "float32",
    "dense": "float32",
    "dense_bf16": "bfloat16",
    "dense_i8": "int8",
}
"""Layers with weights and the arithmetic of their products."""


@dataclass(frozen=True)
class Cost:
    """One node. kind: of KINDS, or "" where there are no weights; weight_bits for one weight."""

    name: str
    op: str
    output: str
    kind: str
    weights: int
    other: int
    bytes: int
    macs: int


def costs(graph: Graph) -> list[Cost]:
    """A row for each node, in order. ``other``: parameters that are no weights (thresholds, scales, biases)."""
    types = infer(graph)
    return [_cost(graph, node, types[node.name], tuple(types[i] for i in node.inputs)) for node in graph.nodes]


def _cost(graph: Graph, node: Node, output: TensorType, inputs: tuple[TensorType, ...]) -> Cost:
    row = OPS[node.op]
    attrs = row.complete(node.attrs)
    counts = {role: prod(row.tensors[role].shape(inputs, attrs)) for role in node.tensors}
    size = sum(graph.tensors[key].nbytes for key in node.tensors.values())
    signs = counts.get("weight", 0)
    weights = signs // attrs.get("planes", 1)
    macs = weights * output.shape[0] * output.shape[1]
    other = sum(counts.values()) - signs
    return Cost(node.name, node.op, str(output), KINDS.get(node.op, ""), weights, other, size, macs)


def by_kind(rows: Iterable[Cost]) -> dict[str, dict[str, int]]:
    """Kind -> parameters, bytes and MACs; thresholds, scales and biases are the kind "other"."""
    total: dict[str, dict[str, int]] = {}
    for row in rows:
        kind = row.kind or "other"
        for name, weights, macs, size in (
            (kind, row.weights, row.macs, row.bytes if row.kind else 0),
            ("other", row.other, 0, 0 if row.kind else row.bytes),
        ):
            if weights or macs or size:
                entry = total.setdefault(name, {"parameters": 0, "bytes": 0, "macs": 0})
                entry["parameters"] += weights
                entry["bytes"] += size
                entry["macs"] += macs
    return total
