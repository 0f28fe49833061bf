"""Random graphs of a layer and the elementwise chain behind it: what residual binary networks are made of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xnorkit.graph.build import GraphBuilder
from xnorkit.graph.ir import Graph

Array = NDArray[Any]
SEED = 19580101
HEADS = ("bconv2d", "bdense", "qconv2d", "qdense", "conv2d", "dense", "max_pool2d", "global_avg_pool2d", "add")
LINKS = ("affine", "add", "scale_map", "relu", "prelu", "hardtanh")


@dataclass(frozen=True)
class ChainCase:
    """``graph`` on ``x``; ``links``: the ops of the chain in order."""

    graph: Graph
    x: dict[str, Array]
    links: tuple[str, ...]


class ChainGraph:
    """Adds nodes with random tensors to one builder."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.rng, self.b = rng, GraphBuilder()
        self.factor = ""  # a map of one channel, computed before the second layer

    def vector(self, node: str, spread: float) -> Array:
        return (self.rng.normal(size=self.b.type(node).shape[2]) * spread).astype(np.float32)

    def affine(self, node: str) -> str:
        tensors = {"scale": self.vector(node, 0.2), "bias": self.vector(node, 1)}
        return self.b.add("affine", node, tensors=tensors)

    def link(self, op: str, node: str, other: str) -> str:
        if op == "affine":
            return self.affine(node)
        if op == "prelu":
            return self.b.add("prelu", node, tensors={"slope": self.vector(node, 1)})
        if op == "scale_map":
            return self.b.add(
                op, node, self.b.add("kmap", other, kernel=(1, 1)) if self.rng.random() < 0.3 else self.factor
            )
        return self.b.add(op, *((node, other) if op == "add" else (node,)))

    def accumulator(self, node: str) -> tuple[str, set[str]]:
        """Floats of integers, and what else reads these: one scale, a factor a pixel, beside it a threshold or none."""
        outputs: set[str] = set()
        if self.rng.random() < 0.5:
            channels = self.b.type(node).shape[2]
            edges = self.rng.integers(-40, 41, channels).astype(np.int32)
            edges[self.rng.random(channels) < 0.1] = self.rng.choice(np.array([-(2**31), 2**31 - 1, 2**24, -(2**24)]))
            flip = self.rng.choice(np.array([-1, 1], np.int8), channels)
            outputs.add(self.b.add("threshold", node, tensors={"threshold": edges, "flip": flip}))
        if self.rng.random() < 0.5:
            return self.b.add("scale_map", node, self.factor), outputs
        return self.affine(node), outputs

    def head(self, op: str, x: str, pixels: str, channels: int) -> tuple[str, set[str]]:
        """A float map of ``channels`` from the float input, or from the bytes for int8 layers; outputs on the way."""
        if op in ("max_pool2d", "add", "global_avg_pool2d"):
            wide, _ = self.head("conv2d", x, pixels, channels)
            attrs = {"kernel": (2, 2), "stride": (1, 1)} if op == "max_pool2d" else {}
            return self.b.add(op, wide, *([wide] if op == "add" else []), **attrs), set()
        source = {"b": self.b.add("sign", x), "q": pixels}.get(op[0], x)
        dense = op.endswith("dense")
        if dense:
            source = self.b.add("flatten", source)
        depth = self.b.type(source).shape[2]
        shape = (channels, depth) if dense else (channels, 3, 3, depth)
        attrs = (
            {"out_features": channels} if dense else {"out_channels": channels, "kernel": (3, 3), "padding": [1] * 4}
        )
        if op[0] == "b":
            weight: Array = self.rng.choice(np.array([-1, 1], np.int8), shape)
        elif op[0] == "q":
            weight = self.rng.integers(-20, 21, shape).astype(np.int8)
        else:
            weight = self.rng.normal(size=shape).astype(np.float32)
        node = self.b.add(op, source, tensors={"weight": weight}, **attrs)
        if op[0] not in "bq":
            return node, set()
        return self.accumulator(node) if self.factor else (self.affine(node), set())


def chain_case(head: str, number: int) -> ChainCase:
    """Layer, chain, and at its end floats, bits, or both; sometimes a shifted sign, sometimes a tap in the middle."""
    rng = np.random.default_rng((SEED, *head.encode(), number))
    made, channels = ChainGraph(rng), int(rng.choice((1, 5, 8, 31, 32, 40, 64, 72, 130)))
    shape = (int(rng.integers(2, 8)), int(rng.integers(2, 8)), int(rng.integers(1, 12)))
    batch = int(rng.integers(1, 4))
    pixels = made.b.input("pixels", "u8", shape)
    x = made.b.input("x", "f32", shape)
    inputs: dict[str, Array] = {
        "pixels": rng.integers(0, 256, (batch, *shape)).astype(np.uint8),
        "x": rng.normal(size=(batch, *shape)).astype(np.float32),
    }
    residual, _ = made.head(head, x, pixels, channels)  # of the same type, and computed first
    made.factor = made.b.add("kmap", residual, kernel=(1, 1))
    node, outputs = made.head(head, x, pixels, channels)
    links = tuple(rng.choice(LINKS, int(rng.integers(0, 7))).tolist())
    along = [node]
    for link in links:
        along.append(made.link(link, along[-1], residual))
    outputs.add(made.b.add("sign", made.affine(along[-1]) if rng.random() < 0.5 else along[-1]))
    if rng.random() < 0.6:
        outputs.add(along[-1])
    if rng.random() < 0.3:
        outputs.add(along[int(rng.integers(len(along)))])
    return ChainCase(made.b.graph(sorted(outputs)), inputs, links)
