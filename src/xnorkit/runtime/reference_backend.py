"""A graph by meaning: the NumPy functions of the op table, node by node. Slow, and the law."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from time import perf_counter

import numpy as np

from ..graph.ir import Graph, Node
from ..graph.passes.chain import tensors_by_meaning
from ..reference.ops import OPS
from ..reference.shapes import TensorType
from .backend import NUMPY, Array
from .profile import Profile, ProfileRow

CHUNK_IMAGES = 32
"""Images that go through the graph together; bounds the memory of a large batch."""


class ReferenceBackend:
    """Implements ``Backend`` for a verified graph. ``threads`` is accepted and has no effect."""

    def __init__(self, graph: Graph, types: Mapping[str, TensorType], outputs: Sequence[str]) -> None:
        self._nodes = graph.nodes
        self._types = types
        self._outputs = tuple(outputs)
        self._tensors = {node.name: tensors_by_meaning(graph, node, types) for node in graph.nodes}
        last = {name: node.name for node in graph.nodes for name in node.inputs}
        self._dead_after: dict[str, list[str]] = {}
        for name, reader in last.items():
            if name not in outputs:
                self._dead_after.setdefault(reader, []).append(name)

    def run(
        self, inputs: Mapping[str, Array], batch: int, threads: int, profile: bool
    ) -> tuple[Sequence[Array], Profile | None]:
        """See ``Backend``."""
        results = [np.empty((batch, *self._types[n].shape), NUMPY[self._types[n].dtype]) for n in self._outputs]
        seconds = dict.fromkeys((node.name for node in self._nodes), 0.0)
        for start in range(0, batch, CHUNK_IMAGES):
            part = slice(start, start + CHUNK_IMAGES)
            values = {name: array[part] for name, array in inputs.items()}
            for node in self._nodes:
                if node.op != "input":
                    began = perf_counter()
                    values[node.name] = self._compute(node, values)
                    seconds[node.name] += perf_counter() - began
                for name in self._dead_after.get(node.name, ()):
                    del values[name]
            for result, name in zip(results, self._outputs, strict=True):
                result[part] = values[name]
        return results, self._profile(seconds, batch) if profile else None

    def _compute(self, node: Node, values: Mapping[str, Array]) -> Array:
        row = OPS[node.op]
        return row.run([values[name] for name in node.inputs], row.complete(node.attrs), self._tensors[node.name])

    def _profile(self, seconds: Mapping[str, float], batch: int) -> Profile:
        rows = []
        for node in self._nodes:
            if node.op == "input":
                continue
            h, w, _ = self._types[node.name].shape
            weight = self._tensors[node.name].get("weight")
            count = 0 if weight is None else h * w * weight.size * batch
            rows.append(ProfileRow(node.name, node.op, "reference", seconds[node.name], count))
        return Profile(tuple(rows), batch)
