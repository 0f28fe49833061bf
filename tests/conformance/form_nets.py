"""Dense layers whose weights have a form: vectors, hashed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from xnorkit.graph.build import GraphBuilder
from xnorkit.graph.coding import code_weights
from xnorkit.graph.ir import Graph
from xnorkit.reference.codecs.coded import Coded
from xnorkit.reference.codecs.table import CODECS, decode
from xnorkit.reference.codecs.vector import from_codebook
from xnorkit.reference.hashing import buckets_and_signs

RNG = np.random.default_rng(7)


def net(weight: NDArray[np.float32], segment: int = 0) -> Graph:
    b = GraphBuilder()
    x = b.input("x", "f32", (1, 1, weight.shape[1]))
    tensors = {"weight": weight, "bias": RNG.standard_normal(len(weight)).astype(np.float32)}
    return b.graph([b.add("dense", x, name="fc", out_features=len(weight), segment=segment, tensors=tensors)])


def vectors(rows: int, segments: int, width: int, values: int, stages: int = 1, seed: int = 0) -> Coded:
    rng = np.random.default_rng(seed)
    book = rng.standard_normal((stages, segments, values, width)).astype(np.float32)
    indices = rng.integers(0, values, (stages, segments, rows)).astype(np.uint8)
    return from_codebook(book, indices, (rows, segments * width), huffman=int(rng.integers(2)))


def hashed(rows: int, columns: int, buckets: int) -> Coded:
    bucket, sign = buckets_and_signs(rows * columns, buckets, seed=3)
    weight = (RNG.standard_normal(buckets).astype(np.float32)[bucket] * sign).astype(np.float32)
    return CODECS["hashed"].encode(weight.reshape(rows, columns), {"buckets": buckets, "seed": 3})


def vector_net() -> Graph:
    """Runs by tables."""
    coded = vectors(40, 25, 8, 10)
    return code_weights(net(decode(coded)), known={"fc.weight": coded})


def hashed_net() -> Graph:
    """Runs without its matrix, of 480,000 bytes, where the budget is less."""
    coded = hashed(300, 400, 1000)
    graph = net(decode(coded))
    return replace(graph, tensors={**graph.tensors, "fc.weight": coded})
