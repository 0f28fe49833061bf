"""A graph run straight from the op table, in a dozen lines: what verify and infer promise is checked against it."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from xnorkit.graph.infer import complete_attrs
from xnorkit.graph.ir import Graph
from xnorkit.graph.tensors import tensor_shape
from xnorkit.graph.verify import verify
from xnorkit.reference.bits import unpack_flat
from xnorkit.reference.ops import OPS

NUMPY = {"u8": np.uint8, "i32": np.int32, "f32": np.float32, "bits": np.int8}


def evaluate(graph: Graph, images: int = 2, seed: int = 0) -> dict[str, NDArray[Any]]:
    """Every value ``(N, H, W, C)`` for random inputs; bits by meaning. Asserts that types are as inferred."""
    types, rng = verify(graph), np.random.default_rng(seed)
    values: dict[str, NDArray[Any]] = {}
    for node in graph.nodes:
        row, attrs, result = OPS[node.op], complete_attrs(node), types[node.name]
        if node.op == "input":
            values[node.name] = rng.integers(0, 256, (images, *result.shape)).astype(NUMPY[result.dtype])
            continue
        inputs = tuple(types[name] for name in node.inputs)
        tensors = {}
        for role, key in node.tensors.items():
            spec, array = row.tensors[role], graph.tensors[key]
            shape = tensor_shape(key, spec, inputs, attrs)
            tensors[role] = unpack_flat(array, shape) if spec.dtype == "bits" else array
        with np.errstate(over="ignore", invalid="ignore"):  # chains of random affines may leave the float range
            value = row.run([values[name] for name in node.inputs], attrs, tensors)
        assert value.dtype == NUMPY[result.dtype] and value.shape == (images, *result.shape), node
        values[node.name] = value
    return values
