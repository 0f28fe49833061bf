"""Inferred types are the types the reference computes, for every op; what verifies also runs."""

from __future__ import annotations

from random import Random

import numpy as np
import pytest
from evaluate import evaluate
from hypothesis import given, settings
from hypothesis import strategies as st
from random_graphs import random_graph

from xnorkit.graph import store
from xnorkit.graph.infer import infer
from xnorkit.graph.ir import Graph, Node
from xnorkit.reference.shapes import TensorType


@settings(max_examples=60)
@given(st.randoms(use_true_random=False))
def test_values_have_the_inferred_types(rng: Random) -> None:
    evaluate(random_graph(rng))


@pytest.mark.parametrize("seed", range(5))
def test_a_file_computes_what_the_graph_computes(seed: int) -> None:
    graph = random_graph(Random(seed), steps=12)
    before, after = evaluate(graph), evaluate(store.load(store.to_bytes(graph)))
    assert all(np.array_equal(before[name], after[name], equal_nan=before[name].dtype.kind == "f") for name in before)


def test_types_need_no_tensors() -> None:
    nodes = (
        Node("x", "input", attrs={"dtype": "f32", "shape": [9, 7, 3]}),
        Node("s", "sign", ("x",)),
        Node("c", "bconv2d", ("s",), {"out_channels": 4, "kernel": [3, 1], "stride": [2, 3], "padding": [1, 0, 2, 0]}),
    )
    assert infer(Graph(nodes, ("c",)))["c"] == TensorType("i32", (5, 3, 4))
