"""Dense layers on weights of a form: the bits of the matrix, by tables and without it; what is damaged is refused."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from xnorkit.errors import GraphError, LimitError
from xnorkit.graph.build import GraphBuilder
from xnorkit.graph.coding import code_weights
from xnorkit.graph.ir import Graph
from xnorkit.reference.codecs.coded import Coded
from xnorkit.reference.codecs.table import CODECS, decode
from xnorkit.reference.codecs.vector import from_codebook, tabled
from xnorkit.reference.hashing import buckets_and_signs
from xnorkit.runtime.cpu import levels
from xnorkit.runtime.session import Session

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


def kernels(session: Session) -> set[str]:
    return {row.kernel for row in session.profile(np.zeros((1, *session.input_types["x"].shape), np.float32)).rows}


@given(st.integers(2, 80), st.integers(1, 60), st.integers(4, 9), st.integers(1, 3), st.integers(1, 3),
       st.integers(1, 20))  # fmt: skip
def test_tables_give_the_bits_of_the_law(
    rows: int, segments: int, width: int, values: int, stages: int, batch: int
) -> None:
    coded = vectors(2 * rows, segments, width, values, stages, seed=rows)
    graph = code_weights(net(decode(coded)), known={"fc.weight": coded})
    x = RNG.standard_normal((batch, 1, 1, segments * width)).astype(np.float32)
    expected = Session(graph, backend="reference")(x)
    for isa in levels():
        assert np.array_equal(Session(graph, isa=isa)(x).view(np.uint32), expected.view(np.uint32))
    assert np.array_equal(Session(graph.decoded())(x).view(np.uint32), expected.view(np.uint32))


def test_coding_forms_sums_by_segments_where_tables_pay() -> None:
    coded = vectors(40, 25, 8, 10)
    graph = code_weights(net(decode(coded)), known={"fc.weight": coded})
    assert graph.node("fc").attrs["segment"] == 8 == tabled(coded)
    assert any("lookup" in kernel for kernel in kernels(Session(graph)))
    for other in (vectors(40, 25, 8, 30), vectors(100, 25, 3, 10), vectors(100, 25, 4, 20), hashed(40, 50, 100)):
        assert tabled(other) == 0
        graph = code_weights(net(decode(other)), known={"fc.weight": other})
        assert not graph.node("fc").attrs.get("segment")
    assert tabled(vectors(60, 25, 8, 5, stages=2)) == 8 and tabled(vectors(600, 25, 8, 17, stages=2)) == 0


def test_hashed_layers_run_without_a_matrix_that_the_budget_has_no_room_for() -> None:
    coded = hashed(300, 400, 1000)
    plain = net(decode(coded))
    graph = replace(plain, tensors={**plain.tensors, "fc.weight": coded})
    x = RNG.standard_normal((21, 1, 1, 400)).astype(np.float32)
    expected = Session(plain)(x)
    whole, small = Session(graph), Session(graph, memory_budget=400_000)
    assert not any("deal" in name for name in kernels(whole)) and any("deal" in name for name in kernels(small))
    for session in (whole, small, Session(graph, memory_budget=400_000, isa="scalar"),
                    Session(graph, backend="reference")):  # fmt: skip
        assert np.array_equal(session(x).view(np.uint32), expected.view(np.uint32))
    with pytest.raises(LimitError):
        Session(graph, memory_budget=3000)


def test_damaged_vectors_are_refused_as_coded() -> None:
    coded = vectors(40, 25, 8, 10)
    graph = code_weights(net(decode(coded)), known={"fc.weight": coded})
    book = coded.parts["codebook"].copy()
    book[3] = np.nan
    for broken in (replace(coded, parts={**coded.parts, "codebook": book}),
                   replace(coded, parts={**coded.parts, "indices": coded.parts["indices"][:-1]})):  # fmt: skip
        bad = replace(graph, tensors={**graph.tensors, "fc.weight": broken})
        for backend in ("engine", "reference"):
            with pytest.raises(GraphError) as caught:
                Session(bad, backend=backend)
            assert caught.value.reason == "coded"
