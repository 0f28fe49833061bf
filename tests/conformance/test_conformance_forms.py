"""Dense layers on weights of a form: the bits of the matrix, by tables and without it; what is damaged is refused."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from form_nets import RNG, hashed, net, vectors
from hypothesis import given
from hypothesis import strategies as st

from xnorkit.errors import GraphError, LimitError
from xnorkit.graph.build import GraphBuilder
from xnorkit.graph.coding import code_weights
from xnorkit.reference.codecs.table import decode
from xnorkit.reference.codecs.vector import tabled
from xnorkit.runtime.cpu import levels
from xnorkit.runtime.session import Session


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


@pytest.mark.parametrize("size", [(1, 1), (3, 5)])
def test_convolutions_of_one_pixel_run_by_tables(size: tuple[int, int]) -> None:
    coded = vectors(40, 6, 8, 10)
    weight = decode(coded).reshape(40, 1, 1, 48)
    b = GraphBuilder()
    x = b.input("x", "f32", (*size, 48))
    graph = b.graph([b.add("conv2d", x, name="fc", out_channels=40, kernel=(1, 1), tensors={"weight": weight})])
    known = replace(coded, shape=weight.shape)
    found = code_weights(graph, known={"fc.weight": known})
    assert found.node("fc").attrs["segment"] == 8 and "lookup" in "".join(kernels(Session(found)))
    images = RNG.standard_normal((5, *size, 48)).astype(np.float32)
    expected = Session(found, backend="reference")(images)
    for isa in levels():
        assert np.array_equal(Session(found, isa=isa)(images).view(np.uint32), expected.view(np.uint32))
    assert np.array_equal(Session(found.decoded())(images).view(np.uint32), expected.view(np.uint32))
    strided = b.graph([b.add("conv2d", x, name="two", out_channels=40, kernel=(1, 1), stride=(2, 2),
                             tensors={"weight": weight})]) if size != (1, 1) else graph  # fmt: skip
    if strided is not graph:
        assert not code_weights(strided, known={"two.weight": known}).node("two").attrs.get("segment")
        with pytest.raises(GraphError, match="one pixel"):
            b.add("conv2d", x, out_channels=40, kernel=(1, 1), stride=(2, 2), segment=8, tensors={"weight": weight})


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


def test_a_budget_counts_vectors_as_they_run() -> None:
    coded = vectors(4000, 50, 8, 10)
    graph = code_weights(net(decode(coded)), known={"fc.weight": coded})
    x = RNG.standard_normal((3, 1, 1, 400)).astype(np.float32)
    assert np.array_equal(Session(graph, memory_budget=1_000_000)(x), Session(graph)(x))  # decoded: 6,400,000
    with pytest.raises(LimitError):
        Session(graph, memory_budget=100_000)


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
