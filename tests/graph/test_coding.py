"""Weights take the codec of the fewest bytes, counted as the file counts; numbers never change."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from xnorkit.errors import RangeError
from xnorkit.graph import store
from xnorkit.graph.build import GraphBuilder
from xnorkit.graph.coding import CODINGS, code_weights
from xnorkit.graph.equal import difference
from xnorkit.graph.ir import Graph
from xnorkit.reference.codecs.choose import cheapest
from xnorkit.reference.codecs.coded import Coded
from xnorkit.reference.codecs.table import CODECS, decode


def dense(weight: np.ndarray) -> Graph:
    b = GraphBuilder()
    x = b.input("x", "f32", (1, 1, weight.shape[1]))
    tensors = {"weight": weight, "bias": np.linspace(0, 1, len(weight), dtype=np.float32)}
    return b.graph([b.add("dense", x, name="fc", out_features=len(weight), tensors=tensors)])


def sparse(kept: float, values: int, shape: tuple[int, int] = (60, 100)) -> np.ndarray:
    rng = np.random.default_rng(2)
    weight = rng.choice(rng.standard_normal(values).astype(np.float32), shape)
    return np.where(rng.random(shape) < kept, weight, np.float32(0))


WEIGHTS = hnp.arrays(
    np.float32, st.tuples(st.integers(1, 9), st.integers(1, 60)), elements=st.sampled_from([0, 0, 0, 1, -0.5, 3])
)


@settings(max_examples=100)
@given(WEIGHTS, st.integers(0, 1))
def test_none_of_the_table_is_smaller(weight: np.ndarray, huffman: int) -> None:
    """Sizes counted beforehand are those of the parts: the choice is the least over all codecs and widths."""
    rows = [CODECS["shared"].encode(weight, {"huffman": huffman})]
    for codec in ("sparse", "sparse_shared"):
        rows += [CODECS[codec].encode(weight, {"huffman": huffman, "gap_bits": n, "columns": c})
                 for n in range(1, 9) for c in (0, 1)]  # fmt: skip
    least, found = min(row.nbytes for row in rows if row.nbytes), cheapest(weight, huffman=huffman)
    if found is None:
        assert least >= weight.nbytes or np.count_nonzero(weight) > weight.size // 2
    else:
        assert np.array_equal(decode(found), weight)
        assert found.nbytes == least or np.count_nonzero(weight) > weight.size // 2


@pytest.mark.parametrize(
    ("weight", "codec"),
    [(sparse(0.1, 30), "sparse_shared"), (sparse(1, 30), "shared"), (sparse(0.1, 5000), "sparse"),
     (sparse(1, 5000), "")],
    ids=["sparse and shared", "shared", "sparse", "neither"],
)  # fmt: skip
@pytest.mark.parametrize("coding", CODINGS)
def test_files_shrink_by_the_codec_that_fits(weight: np.ndarray, codec: str, coding: str) -> None:
    graph = dense(weight)
    found = code_weights(graph, coding)  # type: ignore[arg-type]
    tensor = found.tensors["fc.weight"]
    if coding == "plain" or not codec:
        assert difference(found, graph) == ""
        return
    assert isinstance(tensor, Coded) and tensor.codec == codec and tensor.attrs["huffman"] == (coding == "huffman")
    assert difference(found.decoded(), graph) == ""
    saved = len(store.to_bytes(graph)) - len(store.to_bytes(found))
    assert abs(saved - (weight.nbytes - tensor.nbytes)) < 512


def test_small_tensors_stay_as_they_are() -> None:
    found = code_weights(dense(sparse(0.1, 30, (5, 10))))
    assert not any(isinstance(tensor, Coded) for tensor in found.tensors.values())


@pytest.mark.parametrize("coding", ["fields", "huffman"])
def test_weights_of_zeros_alone_can_be_stored(coding: str) -> None:
    graph = dense(np.zeros((90, 100), np.float32))
    found = store.load(store.to_bytes(code_weights(graph, coding)))  # type: ignore[arg-type]
    assert difference(found.decoded(), graph) == "" and isinstance(found.tensors["fc.weight"], Coded)


def test_known_parts_are_taken_where_they_are_smaller() -> None:
    weight = np.repeat(np.random.default_rng(0).standard_normal((8, 64)).astype(np.float32), 20, axis=0)
    known = CODECS["vector"].encode(weight, {"segments": 1})
    found = code_weights(dense(weight), known={"fc.weight": known})
    assert found.tensors["fc.weight"] is known and found.node("fc").attrs["segment"] == 64
    assert np.array_equal(found.array("fc.weight"), weight)
    with pytest.raises(RangeError, match="other numbers"):
        code_weights(dense(weight + 1), known={"fc.weight": known})
    with pytest.raises(RangeError, match="coding"):
        code_weights(dense(weight), "zip")  # type: ignore[arg-type]
