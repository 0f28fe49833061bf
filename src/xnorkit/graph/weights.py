"""What the weights of a packed graph take: kept, values, bits a weight, bytes by part; and what signs could take.

>>> from .build import GraphBuilder
>>> b = GraphBuilder()
>>> x = b.add("sign", b.input("x", "f32", (1, 1, 8)))
>>> weight = np.eye(2, 8, dtype=np.int8) * 2 - 1
>>> row = weight_rows(b.graph([b.add("bdense", x, name="fc", out_features=2, tensors={"weight": weight})]))[0]
>>> row.name, row.weights, row.bits, round(row.entropy, 3)
('fc', 16, 1.0, 0.544)
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

import numpy as np

from ..reference.bits import unpack_flat
from ..reference.codecs.coded import Coded
from ..reference.codecs.table import part_bytes
from ..reference.ops import OPS
from .infer import complete_attrs, infer
from .ir import Graph


@dataclass(frozen=True)
class WeightRow:
    """One layer. codec: "" for numbers as they are. kept: share of weights that are not 0; values: different ones.
    bits: of the file, a weight. parts: bytes by part, the whole as "numbers" where nothing is coded. entropy: bits a
    weight, of symbols drawn alone: what no code of single weights can pass; for binary layers, of the signs."""

    name: str
    op: str
    codec: str
    weights: int
    kept: float
    values: int
    bits: float
    entropy: float
    bytes: int
    parts: dict[str, int]


def weight_rows(graph: Graph) -> list[WeightRow]:
    """A row for each layer with weights, in order. Raises GraphError ``coded`` for damaged weights."""
    types = infer(graph)
    rows = []
    for node in graph.nodes:
        if "weight" not in node.tensors:
            continue
        key, spec = node.tensors["weight"], OPS[node.op].tensors["weight"]
        tensor, array = graph.tensors[key], graph.array(key)
        shape = spec.shape(tuple(types[name] for name in node.inputs), complete_attrs(node))
        count = prod(shape)
        if spec.dtype == "bits":
            array = unpack_flat(array, shape)
        different, often = np.unique(array, return_counts=True)
        share = often / count
        parts = part_bytes(tensor) if isinstance(tensor, Coded) else {"numbers": tensor.nbytes}
        rows.append(WeightRow(node.name, node.op, tensor.codec if isinstance(tensor, Coded) else "", count,
                              float(np.count_nonzero(array) / count), len(different), 8 * tensor.nbytes / count,
                              float(-(share * np.log2(share)).sum()), tensor.nbytes, parts))  # fmt: skip
    return rows
