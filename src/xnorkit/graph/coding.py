"""Float weights of a graph into the parts of the codec that takes the fewest bytes: the last step before a file.

>>> from .build import GraphBuilder
>>> b = GraphBuilder()
>>> weight = np.zeros((50, 200), np.float32)
>>> weight[:, ::20] = 0.5
>>> y = b.add("dense", b.input("x", "f32", (1, 1, 200)), name="fc", out_features=50, tensors={"weight": weight})
>>> code_weights(b.graph([y])).tensors["fc.weight"].codec
'sparse_shared'
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Literal

import numpy as np

from ..errors import RangeError
from ..format.strict_json import dump
from ..reference.codecs.choose import cheapest
from ..reference.codecs.coded import Coded
from ..reference.codecs.vector import tabled
from ..reference.linear import is_pointwise
from ..reference.ops import OPS
from .infer import complete_attrs
from .ir import Graph, Node, Tensor
from .store import description

Coding = Literal["plain", "fields", "huffman"]
CODINGS: tuple[Coding, ...] = ("plain", "fields", "huffman")
"""plain: float32 as it is; fields: codecs whose numbers have a fixed width; huffman: with Huffman codes."""


def code_weights(graph: Graph, coding: Coding = "huffman", known: Mapping[str, Coded] | None = None) -> Graph:
    """The graph with each float32 tensor as it takes the fewest bytes, its description in the header included.

    known: for some tensors, parts of a codec that cannot be told from the numbers (``vector``, ``hashed``).

    Dense nodes and convolutions of one pixel whose vectors are worth looking up form their sums by segments (attribute
    ``segment``); other nodes are the same.

    Raises RangeError for another ``coding``, or known parts that are of other numbers.
    """
    if coding not in CODINGS:
        raise RangeError("code_weights", "coding", got=coding, expected=f"one of {CODINGS}")
    graph = graph.decoded()
    if coding == "plain":
        return graph
    roles = {key: OPS[node.op].tensors[role] for node in graph.nodes for role, key in node.tensors.items()}
    floats = [key for key, spec in roles.items() if spec.dtype == "f32"]
    chosen = {key: _smallest(graph, key, coding, (known or {}).get(key)) for key in floats}
    nodes = tuple(_segmented(node, chosen.get(node.tensors.get("weight", ""))) for node in graph.nodes)
    return replace(graph, nodes=nodes, tensors={**graph.tensors, **chosen})


def _segmented(node: Node, weight: Tensor | None) -> Node:
    """Sums of a dense node by segments where its weight is worth looking up, as long as none are said yet."""
    if node.op not in ("dense", "conv2d") or node.attrs.get("segment") or not isinstance(weight, Coded):
        return node
    attrs = complete_attrs(node)
    pointwise = node.op == "dense" or is_pointwise(*(attrs[k] for k in ("kernel", "stride", "padding", "groups")))
    width = tabled(weight) if pointwise else 0
    return replace(node, attrs={**node.attrs, "segment": width}) if width else node


def _smallest(graph: Graph, key: str, coding: Coding, known: Coded | None) -> Tensor:
    array = graph.array(key)
    found = [] if known is None else [known]
    if known is not None and not np.array_equal(Graph((), (), {key: known}).array(key), array):
        raise RangeError("code_weights", key, got="parts of other numbers", expected="those of the tensor")
    if (own := cheapest(array, huffman=int(coding == "huffman"))) is not None:
        found.append(own)
    if not found:
        return array
    best = min(found, key=lambda coded: coded.nbytes)
    told = len(dump({key: description(best)}).replace('"', '\\"'))
    return best if best.nbytes + told < array.nbytes else array
