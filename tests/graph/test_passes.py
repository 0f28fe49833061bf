"""Passes keep the meaning of every output: random chains before and after, on the NumPy reference."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xnorkit.graph.build import GraphBuilder
from xnorkit.graph.ir import Graph
from xnorkit.graph.passes.cleanup import drop_dead, drop_identities
from xnorkit.graph.passes.pipeline import PASSES, run_passes
from xnorkit.graph.passes.thresholds import signs_to_thresholds
from xnorkit.runtime.session import Session

LINKS = ("affine", "relu", "hardtanh", "prelu", "pool", "flatten")


def _signs(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    return rng.choice(np.array([-1, 1], np.int8), size=shape)


def _chain(links: list[str], seed: int) -> Graph:
    """Pixels -> int8 convolution -> links -> sign -> binary dense; channels with zero and negative scales included."""
    rng = np.random.default_rng(seed)
    b = GraphBuilder()
    x = b.input("x", "u8", (6, 6, 2))
    weight = rng.integers(-127, 128, (5, 3, 3, 2)).astype(np.int8)
    value = b.add("qconv2d", x, tensors={"weight": weight}, out_channels=5, kernel=(3, 3), name="acc")
    channels, spatial = 5, 4
    value = _affine(b, value, channels, rng, 1e-3)
    for link in links:
        if link == "affine":
            value = _affine(b, value, channels, rng, 1.0)
        elif link == "prelu":
            value = b.add("prelu", value, tensors={"slope": rng.random(channels, np.float32)})
        elif link == "pool" and spatial >= 2:
            value = b.add("max_pool2d", value, kernel=(2, 2), stride=(2, 2))
            spatial //= 2
        elif link == "flatten":
            value = b.add("flatten", value)
            channels, spatial = channels * spatial * spatial, 1
        elif link in ("relu", "hardtanh"):
            value = b.add(link, value)
    value = b.add("sign", value, name="s")
    value = b.add("flatten", value)
    width = channels * spatial * spatial
    out = b.add("bdense", value, tensors={"weight": _signs(rng, (7, width))}, out_features=7, name="out")
    return b.graph(outputs=(out,))


def _affine(b: GraphBuilder, value: str, channels: int, rng: np.random.Generator, scale: float) -> str:
    factor = (rng.standard_normal(channels) * scale * rng.choice([0.0, 1.0, 1.0, 1.0], channels)).astype(np.float32)
    return b.add("affine", value, tensors={"scale": factor, "bias": rng.standard_normal(channels).astype(np.float32)})


def _run(graph: Graph, seed: int = 0) -> np.ndarray:
    images = np.random.default_rng(seed).integers(0, 256, (9, 6, 6, 2)).astype(np.uint8)
    return np.asarray(Session(graph, backend="reference")(images))


@settings(max_examples=120)
@given(links=st.lists(st.sampled_from(LINKS), max_size=5), seed=st.integers(0, 2**31))
def test_passes_keep_integers(links: list[str], seed: int) -> None:
    graph = _chain(links, seed)
    assert np.array_equal(_run(run_passes(graph)), _run(graph))


@pytest.mark.parametrize("links", [[], ["affine"], ["relu", "affine"], ["pool", "affine"], ["affine", "pool", "relu"]])
def test_float_chain_becomes_integer(links: list[str]) -> None:
    """After the pipeline nothing between accumulator and dense layer is float: activations stay packed."""
    ops = [node.op for node in run_passes(_chain(links, 3)).nodes]
    assert "affine" not in ops and "sign" not in ops and "threshold" in ops
    assert ("pool" in links) == ("max_pool2d" in ops)


def test_falling_channels_take_minimum() -> None:
    """A negative scale behind a pool turns max into min: those channels, and only those, carry a flip."""
    b = GraphBuilder()
    x = b.input("x", "u8", (2, 2, 1))
    acc = b.add("qconv2d", x, tensors={"weight": np.ones((2, 1, 1, 1), np.int8)}, out_channels=2, kernel=(1, 1))
    pool = b.add("max_pool2d", acc, kernel=(2, 2), stride=(2, 2))
    bn = b.add(
        "affine", pool, tensors={"scale": np.array([1, -1], np.float32), "bias": np.array([-9.5, 9.5], np.float32)}
    )
    graph = b.graph(outputs=(b.add("sign", bn, name="s"),))
    after = run_passes(graph)
    flip = after.tensors[after.node("s").tensors["flip"]]
    assert flip.tolist() == [0b10]
    image = np.array([1, 2, 3, 10], np.uint8).reshape(1, 2, 2, 1)
    for g in (graph, after):
        assert Session(g, backend="reference")(image).reshape(-1).tolist() == [1, -1]


def test_training_expression_decides_ties() -> None:
    """`exact` replaces the table's expression: a rounding that differs by one integer moves the threshold by one."""
    b = GraphBuilder()
    x = b.input("x", "u8", (1, 1, 1))
    acc = b.add("qdense", x, tensors={"weight": np.ones((1, 1), np.int8)}, out_features=1)
    bn = b.add("affine", acc, name="bn", tensors={"scale": np.ones(1, np.float32), "bias": np.full(1, -5, np.float32)})
    graph = b.graph(outputs=(b.add("sign", bn, name="s"),))
    edge = {name: signs_to_thresholds(graph, exact).tensors["s.threshold"][0]
            for name, exact in (("table", {}), ("moved", {"bn": lambda v: v - np.float32(6)}))}  # fmt: skip
    assert edge == {"table": 5, "moved": 6}


@pytest.mark.parametrize("dtype", ["u8", "f32"])
@pytest.mark.parametrize("levels", ["sum", "ternary"])
def test_few_bit_sums_become_thresholds_of_codes_alone(levels: str, dtype: str) -> None:
    rng, b = np.random.default_rng(5), GraphBuilder()
    codes = {"activation_bits": 3, "activation_levels": "signed"} if dtype == "u8" else {}
    x, weight = b.input("x", dtype, (6, 6, 2)), _signs(rng, (2, 5, 3, 3, 2))
    value = b.add("wconv2d", x, tensors={"weight": weight}, out_channels=5, kernel=(3, 3), padding=(1, 1, 1, 1),
                  planes=2, levels=levels, **codes)  # fmt: skip
    graph = b.graph([b.add("sign", _affine(b, value, 5, rng, 0.1))])
    packed = run_passes(graph)
    images = rng.integers(0, 256, (9, 6, 6, 2)).astype(np.uint8 if dtype == "u8" else np.float32)
    before, after = (np.asarray(Session(g, backend="reference")(images)) for g in (graph, packed))
    np.testing.assert_array_equal(before, after)
    assert ("threshold" in {node.op for node in packed.nodes}) == (dtype == "u8")


def test_residual_sum_stays_float() -> None:
    b = GraphBuilder()
    x = b.input("x", "f32", (1, 1, 8))
    acc = b.add(
        "bdense", b.add("sign", x), tensors={"weight": _signs(np.random.default_rng(0), (8, 8))}, out_features=8
    )
    scaled = b.add("affine", acc, tensors={"scale": np.ones(8, np.float32), "bias": np.zeros(8, np.float32)})
    graph = b.graph(outputs=(b.add("sign", b.add("add", scaled, x), name="s"),))
    assert run_passes(graph).node("s").op == "sign"


def test_a_sign_of_a_float_that_is_read_again_stays_unless_training_had_its_own_expression() -> None:
    b = GraphBuilder()
    acc = b.add("qconv2d", b.input("x", "u8", (2, 2, 1)), out_channels=1, kernel=(1, 1),
                tensors={"weight": np.array([[[[3]]]], np.int8)})  # fmt: skip
    tensors = {"scale": np.array([0.5], np.float32), "bias": np.array([-9], np.float32)}
    value = b.add("affine", acc, tensors=tensors, name="bn")
    b.add("sign", value, name="s")
    graph = b.graph(outputs=("s", "bn"))
    assert signs_to_thresholds(graph) == graph
    assert signs_to_thresholds(graph, {"bn": lambda v: v - 9}).node("s").op == "threshold"


def _pooled_signs(read_again: bool) -> Graph:
    """Float picture -> two pools -> sign, and perhaps the last pool's value as an output, too."""
    b = GraphBuilder()
    value = b.input("x", "f32", (9, 9, 3))
    value = b.add("max_pool2d", value, kernel=(3, 3), stride=(2, 2), padding=(1, 1, 1, 1), name="first")
    value = b.add("max_pool2d", value, kernel=(2, 2), stride=(1, 1), name="second")
    return b.graph(outputs=(b.add("sign", value, name="s"), *(["second"] if read_again else [])))


def test_signs_pass_float_pools_unless_the_pool_is_read_again() -> None:
    x = np.random.default_rng(2).standard_normal((3, 9, 9, 3)).astype(np.float32)
    x[0, 4, 4, 1], x[1, 0, 0], x[2] = np.nan, -0.0, -1
    graph = _pooled_signs(False)
    after = run_passes(graph)
    assert [node.op for node in after.nodes] == ["input", "sign", "max_pool2d", "max_pool2d"]
    found = Session(after, backend="reference")(x)
    assert np.array_equal(found, Session(graph, backend="reference")(x)) and len(np.unique(found)) == 2
    assert np.array_equal(found, Session(after)(x))
    assert run_passes(_pooled_signs(True)).node("s").op == "sign"


def test_cleanup_keeps_outputs_and_signature() -> None:
    b = GraphBuilder()
    x = b.input("x", "f32", (1, 1, 4))
    b.add("relu", x, name="unused")
    flat = b.add("flatten", x, name="flat")
    graph = b.graph(outputs=(b.add("hardtanh", flat, name="y"),))
    assert [n.name for n in drop_dead(graph).nodes] == ["x", "flat", "y"]
    assert [n.name for n in drop_identities(graph).nodes] == ["x", "unused", "y"]
    assert list(PASSES) == [
        "drop_identities", "signs_before_joins", "merge_signs", "drop_joins", "signs_to_thresholds",
        "codes_to_thresholds", "signs_before_pools", "drop_dead",
    ]  # fmt: skip
