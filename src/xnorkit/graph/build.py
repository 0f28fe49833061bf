"""Build a graph node by node; a mistake is reported at the call that makes it.

>>> b = GraphBuilder()
>>> x = b.input("x", "f32", (1, 1, 3))
>>> s = b.add("sign", x)
>>> y = b.add("bdense", s, out_features=2, tensors={"weight": np.array([[1, -1, 1], [-1, -1, -1]], np.int8)})
>>> g = b.graph([y])
>>> [node.name for node in g.nodes], g.tensors["bdense_1.weight"].tolist()
(['x', 'sign_1', 'bdense_1'], [58])
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import GraphError
from ..reference.bits import pack_flat
from ..reference.ops import TensorSpec
from ..reference.shapes import TensorType
from .infer import complete_attrs, infer_node, op_row
from .ir import Graph, Node
from .tensors import check_tensors, tensor_shape
from .verify import check_names, verify


class GraphBuilder:
    """Collects nodes in order. Every ``add`` infers the node's type and checks its tensors."""

    def __init__(self) -> None:
        self._nodes: list[Node] = []
        self._types: dict[str, TensorType] = {}
        self._tensors: dict[str, NDArray[Any]] = {}
        self._counts: dict[str, int] = {}

    def input(self, name: str, dtype: str, shape: tuple[int, int, int]) -> str:
        """Add a graph input of element type ``u8`` or ``f32`` and shape (H, W, C); returns its name."""
        return self.add("input", name=name, dtype=dtype, shape=tuple(shape))

    def add(self, op: str, *inputs: str, name: str | None = None, source: str = "",
            tensors: Mapping[str, ArrayLike] | None = None, **attrs: Any) -> str:  # fmt: skip
        """Add a node and return its name (``op_1``, ``op_2``, ... when none is given).

        ``tensors``: role -> array in the role's storage type (float32, int32, int8). A ``bits`` role takes int8 -1/+1
        in the canonical shape, or uint8 flat bytes that are packed already. Raises GraphError (``GRAPH_REASONS``).
        """
        name = self._fresh(op) if name is None else name
        if name in self._types:
            raise GraphError("duplicate_name", name, "two nodes have this name")
        given = {role: np.asarray(array) for role, array in (tensors or {}).items()}
        node = Node(name, op, tuple(inputs), attrs, {role: f"{name}.{role}" for role in given}, source)
        check_names(node)
        result = infer_node(node, self._types)
        complete = complete_attrs(node)
        node = Node(name, op, node.inputs, complete, node.tensors, source)
        types = tuple(self._types[i] for i in inputs)
        row = op_row(node)
        stored = {
            f"{name}.{role}": self._stored(f"{name}.{role}", row.tensors.get(role), types, complete, array)
            for role, array in given.items()
        }
        check_tensors(node, types, complete, stored)
        self._nodes.append(node)
        self._types[name] = result
        self._tensors.update(stored)
        return name

    def type(self, name: str) -> TensorType:
        """Type of a value added so far; KeyError if there is none."""
        return self._types[name]

    def graph(self, outputs: Iterable[str], meta: Mapping[str, str] | None = None) -> Graph:
        """The verified graph. Raises GraphError."""
        graph = Graph(tuple(self._nodes), tuple(outputs), dict(self._tensors), dict(meta or {}))
        verify(graph)
        return graph

    def _fresh(self, op: str) -> str:
        while True:
            self._counts[op] = self._counts.get(op, 0) + 1
            name = f"{op}_{self._counts[op]}"
            if name not in self._types:
                return name

    @staticmethod
    def _stored(where: str, spec: TensorSpec | None, types: tuple[TensorType, ...], attrs: Mapping[str, Any],
                array: NDArray[Any]) -> NDArray[Any]:  # fmt: skip
        """The array as the graph keeps it; +-1 arrays are packed after a check of shape and values."""
        if spec is None or spec.dtype != "bits" or array.dtype != np.int8:
            return np.array(array, order="C")  # a copy: the caller may change theirs
        shape = tensor_shape(where, spec, types, attrs)
        if array.shape != shape:
            raise GraphError("tensor_shape", where, "shape", got=array.shape, expected=shape, hint=spec.doc)
        if not (np.abs(array) == 1).all():
            raise GraphError("tensor_range", where, "values", got="others", expected="-1 and +1")
        packed: NDArray[Any] = pack_flat(array)
        return packed
