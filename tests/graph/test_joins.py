"""Signs before joins: the text before and after, equal outputs on random nets, and when nothing moves."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xnorkit.graph.build import GraphBuilder
from xnorkit.graph.dump import dump
from xnorkit.graph.ir import Graph
from xnorkit.graph.passes.joins import signs_before_joins
from xnorkit.graph.passes.pipeline import run_passes
from xnorkit.runtime.session import Session

C = 6
"""Channels of each part."""


def _affine(b: GraphBuilder, value: str, rng: np.random.Generator, scale: float = 1.0) -> str:
    channels = b.type(value).shape[2]
    factor = rng.standard_normal(channels) * scale * rng.choice([0.0, 1.0, 1.0, 1.0], channels)
    tensors = {"scale": factor.astype(np.float32), "bias": rng.standard_normal(channels).astype(np.float32)}
    return b.add("affine", value, tensors=tensors)


def _sums(b: GraphBuilder, x: str, rng: np.random.Generator, scale: bool) -> str:
    weight = rng.integers(-127, 128, (C, 3, 3, 2)).astype(np.int8)
    acc = b.add("qconv2d", x, out_channels=C, kernel=(3, 3), tensors={"weight": weight})
    return _affine(b, acc, rng, 1e-3) if scale else b.add("hardtanh", _affine(b, acc, rng, 1e-3))


def net(joins: list[str], links: list[str], seed: int, *, read: bool = False) -> Graph:
    """Sums of pixels, joined and picked, then links and a sign in two branches; ``read`` shows the join itself."""
    rng = np.random.default_rng(seed)
    b = GraphBuilder()
    x = b.input("x", "u8", (6, 6, 2))
    value = _sums(b, x, rng, True)
    for join in joins:
        if join == "concat":
            value = b.add("concat", value, _sums(b, x, rng, False))
        else:
            channels = b.type(value).shape[2]
            groups = 2 if join == "shuffle" and channels % 2 == 0 else 1
            count = channels if groups == 2 else int(rng.integers(1, channels + 1))
            value = b.add("pick_channels", value, begin=int(rng.integers(0, channels - count + 1)), out_channels=count,
                          groups=groups)  # fmt: skip
    outputs = [value] if read else []
    for branch in range(2):
        last = value
        for link in links[branch:]:
            if link == "affine":
                last = _affine(b, last, rng)
            elif link == "pool":
                last = b.add("max_pool2d", last, kernel=(2, 2))
            else:
                last = b.add(link, last)
        outputs.append(b.add("sign", last, name=f"branch{branch}"))
    return b.graph(outputs=tuple(outputs))


def _equal(before: Graph, after: Graph) -> None:
    images = np.random.default_rng(1).integers(0, 256, (7, 6, 6, 2)).astype(np.uint8)
    runs = [Session(before, backend="reference"), Session(after, backend="reference"), Session(after)]
    want, *found = [run(images) for run in runs]
    for got in found:
        assert all(np.array_equal(want[name], got[name]) for name in before.outputs)


def test_the_text_before_and_after() -> None:
    before = net(["concat"], ["affine"], 0)
    after = run_passes(before)
    ops = [(node.name, node.op, node.inputs) for node in after.nodes]
    assert ops == [
        ("x", "input", ()),
        ("qconv2d_1", "qconv2d", ("x",)),
        ("qconv2d_2", "qconv2d", ("x",)),
        ("branch0.0", "threshold", ("qconv2d_1",)),
        ("branch0.1", "threshold", ("qconv2d_2",)),
        ("branch0", "concat", ("branch0.0", "branch0.1")),
        ("branch1.0", "threshold", ("qconv2d_1",)),
        ("branch1.1", "threshold", ("qconv2d_2",)),
        ("branch1", "concat", ("branch1.0", "branch1.1")),
    ], dump(after)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from(["concat", "slice", "shuffle"]), min_size=1, max_size=4),
       st.lists(st.sampled_from(["affine", "relu", "hardtanh", "pool"]), max_size=3), st.integers(0, 1000))  # fmt: skip
def test_outputs_stay_and_no_float_is_left(joins: list[str], links: list[str], seed: int) -> None:
    before = net(joins, links, seed)
    after = run_passes(before)
    _equal(before, after)
    assert {node.op for node in after.nodes} <= {
        "input",
        "qconv2d",
        "threshold",
        "max_pool2d",
        "concat",
        "pick_channels",
    }


def test_a_join_that_somebody_reads_stays() -> None:
    before = net(["concat"], ["affine"], 2, read=True)
    assert signs_before_joins(before, {})[0] == before
    _equal(before, run_passes(before))


@pytest.mark.parametrize("join", ["concat", "shuffle"])
def test_training_expressions_move_along(join: str) -> None:
    """An expression that is not the op's own arithmetic decides the thresholds, on each part's channels."""
    before = net([join], ["affine"], 3)
    name = next(node.name for node in before.nodes if node.op == "affine" and node.inputs[0].startswith(join[:4]))\
        if join == "concat" else [node.name for node in before.nodes if node.op == "affine"][-1]  # fmt: skip
    channels = 2 * C if join == "concat" else C
    turned = -(np.arange(channels) % 2 * 2.0 - 1).astype(np.float32)

    def evaluate(x: np.ndarray) -> np.ndarray:
        assert x.shape[1] == channels
        return np.asarray(x * turned, dtype=np.float32)

    _, moved = signs_before_joins(before, {name: evaluate})
    assert len(moved) == 1 + (2 if join == "concat" else 1)
    for new, function in moved.items():
        if new == name:
            continue
        width = C
        x = np.random.default_rng(0).standard_normal((5, width)).astype(np.float32)
        side = int(new.split(".")[1])
        at = np.arange(C) + side * C if join == "concat" else np.argsort(np.arange(C).reshape(2, -1).T.reshape(-1))
        assert np.array_equal(function(x), x * turned[at])
