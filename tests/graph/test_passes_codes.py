"""Quantizers become integer thresholds and keep every code: random chains before and after, on the NumPy reference."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xnorkit.graph.build import GraphBuilder
from xnorkit.graph.ir import Graph
from xnorkit.graph.passes.codes import codes_to_thresholds
from xnorkit.graph.passes.pipeline import run_passes
from xnorkit.runtime.session import Session

LINKS = ("affine", "relu", "hardtanh", "prelu", "pool", "flatten")


def affine(b: GraphBuilder, value: str, channels: int, rng: np.random.Generator, scale: float, falling: bool) -> str:
    """A batch norm with channels that are constant and, if ``falling``, some that fall."""
    factor = np.abs(rng.standard_normal(channels)) * scale * rng.choice([0.0, 1.0, 1.0, 1.0], channels)
    if falling:
        factor *= rng.choice([-1, 1], channels)
    return b.add("affine", value, tensors={"scale": factor.astype(np.float32),
                                           "bias": rng.standard_normal(channels).astype(np.float32)})  # fmt: skip


def chain(links: list[str], seed: int, *, falling: bool = True, uniform: bool = True, bits: int = 3) -> Graph:
    """Pixels -> few-bit convolution -> links -> quantizer -> dense layer of codes."""
    rng, b = np.random.default_rng(seed), GraphBuilder()
    x = b.input("x", "u8", (6, 6, 2))
    weight = rng.choice(np.array([-1, 1], np.int8), (2, 5, 3, 3, 2))
    value = b.add("wconv2d", x, tensors={"weight": weight}, out_channels=5, kernel=(3, 3), planes=2, levels="ternary")
    channels, spatial = 5, 4
    value = affine(b, value, channels, rng, 1e-3, falling)
    for link in links:
        if link == "affine":
            value = affine(b, value, channels, rng, 1.0, falling)
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
    scale = np.full(channels, 4.0, np.float32) if uniform else (2 + 4 * rng.random(channels)).astype(np.float32)
    tensors = {"scale": scale, "bias": np.full(channels, 1.5, np.float32)}
    value = b.add("flatten", b.add("quantize", value, tensors=tensors, activation_bits=bits, name="q"))
    width = channels * spatial * spatial
    out = b.add("wdense", value, tensors={"weight": rng.choice(np.array([-1, 1], np.int8), (1, 7, width))},
                out_features=7, activation_bits=bits, name="out")  # fmt: skip
    return b.graph(outputs=(out,))


def sums(graph: Graph, seed: int = 0) -> np.ndarray:
    images = np.random.default_rng(seed).integers(0, 256, (9, 6, 6, 2)).astype(np.uint8)
    return np.asarray(Session(graph, backend="reference")(images))


@settings(max_examples=120, deadline=None)
@given(links=st.lists(st.sampled_from(LINKS), max_size=5), seed=st.integers(0, 2**31), falling=st.booleans(),
       uniform=st.booleans(), bits=st.integers(1, 4))  # fmt: skip
def test_codes_stay_what_they_were(links: list[str], seed: int, falling: bool, uniform: bool, bits: int) -> None:
    graph = chain(links, seed, falling=falling, uniform=uniform, bits=bits)
    assert np.array_equal(sums(run_passes(graph)), sums(graph))


@pytest.mark.parametrize("links", [[], ["relu"], ["pool", "relu"], ["relu", "pool"], ["affine", "pool", "flatten"],
                                   ["relu", "pool", "flatten", "affine"]])  # fmt: skip
def test_a_float_chain_becomes_integer(links: list[str]) -> None:
    graph = chain(links, 3, falling=False)
    assert len(set(sums(graph).ravel().tolist())) > 10
    ops = [node.op for node in run_passes(graph).nodes]
    assert "multithreshold" in ops and not {"affine", "quantize", "relu"} & set(ops)
    assert ops.count("max_pool2d") == links.count("pool")


def test_a_code_that_two_sides_of_a_pool_forbid_stays_on_floats() -> None:
    """Falling before the pool and falling after it: neither codes nor integers may be pooled."""
    rng, b = np.random.default_rng(0), GraphBuilder()
    x = b.input("x", "u8", (4, 4, 1))
    acc = b.add("qconv2d", x, tensors={"weight": np.ones((2, 1, 1, 1), np.int8)}, out_channels=2, kernel=(1, 1))
    down = {"scale": np.array([-0.1, -0.1], np.float32), "bias": np.array([3, 5], np.float32)}
    pool = b.add("max_pool2d", b.add("affine", acc, tensors=down), kernel=(2, 2), stride=(2, 2))
    up = b.add("affine", pool, tensors=down)
    ends = {"scale": np.ones(2, np.float32), "bias": np.full(2, 0.5, np.float32)}
    graph = b.graph([b.add("quantize", up, tensors=ends, activation_bits=2, name="q")])
    after = codes_to_thresholds(graph)
    assert after.node("q").op == "quantize"
    images = rng.integers(0, 80, (5, 4, 4, 1)).astype(np.uint8)
    assert np.array_equal(*(np.asarray(Session(g, backend="reference")(images)) for g in (graph, after)))


def test_a_float_that_is_read_again_keeps_its_quantizer() -> None:
    b = GraphBuilder()
    x = b.input("x", "u8", (1, 1, 3))
    acc = b.add("qdense", x, tensors={"weight": np.ones((2, 3), np.int8)}, out_features=2)
    one = {"scale": np.ones(2, np.float32), "bias": np.zeros(2, np.float32)}
    bn = b.add("affine", acc, name="bn", tensors=one)
    graph = b.graph([b.add("quantize", bn, tensors=one, activation_bits=4, name="q"), bn])
    assert codes_to_thresholds(graph).node("q").op == "quantize"
    assert codes_to_thresholds(graph, {"bn": lambda v: v}).node("q").op == "multithreshold"
