"""The builder: names, defaults, storage of tensors, and mistakes reported at the call that makes them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from xnorkit.errors import GraphError
from xnorkit.graph.build import GraphBuilder
from xnorkit.graph.equal import difference, equal
from xnorkit.graph.ir import Node
from xnorkit.reference.bits import pack_flat, unpack_flat
from xnorkit.reference.shapes import TensorType


def started() -> tuple[GraphBuilder, str]:
    b = GraphBuilder()
    return b, b.add("sign", b.input("x", "f32", (5, 5, 3)))


def test_names_defaults_sources() -> None:
    b, s = started()
    second = b.add("sign", "x", name="sign_2", source="net.act")
    assert (s, second, b.add("sign", "x")) == ("sign_1", "sign_2", "sign_3")
    weight = np.ones((4, 3, 3, 3), np.int8)
    b.add("bconv2d", s, name="conv", out_channels=4, kernel=[3, 3], tensors={"weight": weight})
    g = b.graph(["conv"], {"a": "b"})
    assert g.node("conv") == Node(
        "conv",
        "bconv2d",
        ("sign_1",),
        {"out_channels": 4, "kernel": (3, 3), "stride": (1, 1), "padding": (0, 0, 0, 0), "dilation": (1, 1),
         "groups": 1, "pad_value": 0},
        {"weight": "conv.weight"},
    )  # fmt: skip
    assert g.node("sign_2").source == "net.act" and g.meta == {"a": "b"} and g.outputs == ("conv",)
    assert b.type("conv") == TensorType("i32", (3, 3, 4))


def test_bits_by_meaning_and_packed_are_the_same() -> None:
    weight = np.random.default_rng(0).choice(np.array([-1, 1], np.int8), (4, 3, 3, 3))
    graphs = []
    for given in (weight, pack_flat(weight)):
        b, s = started()
        graphs.append(b.graph([b.add("bconv2d", s, out_channels=4, kernel=(3, 3), tensors={"weight": given})]))
    assert equal(*graphs)
    assert (unpack_flat(graphs[0].tensors["bconv2d_1.weight"], weight.shape) == weight).all()


def test_tensors_are_copied() -> None:
    b, s = started()
    bias = np.zeros(3, np.float32)
    y = b.add("affine", s, tensors={"scale": np.ones(3, np.float32), "bias": bias})
    bias[:] = 9
    assert b.graph([y]).tensors["affine_1.bias"].tolist() == [0, 0, 0]


@pytest.mark.parametrize(
    ("reason", "call"),
    [
        ("duplicate_name", lambda b, s: b.input("x", "f32", (1, 1, 1))),
        ("bad_name", lambda b, s: b.input("a b", "f32", (1, 1, 1))),
        ("bad_attr", lambda b, s: b.input("y", "i32", (1, 1, 1))),
        ("unknown_op", lambda b, s: b.add("signs", s)),
        ("unknown_input", lambda b, s: b.add("sign", "y")),
        ("bad_type", lambda b, s: b.add("sign", s)),
        ("missing_tensor", lambda b, s: b.add("affine", s)),
        ("unknown_role", lambda b, s: b.add("sign", "x", tensors={"w": np.ones(3, np.float32)})),
        ("tensor_dtype", lambda b, s: b.add("prelu", "x", tensors={"slope": np.ones(3)})),
        ("tensor_shape", lambda b, s: b.add("prelu", "x", tensors={"slope": np.ones(4, np.float32)})),
        ("tensor_shape", lambda b, s: conv(b, s, np.ones((4, 3, 3, 3), np.int8).transpose(3, 1, 2, 0))),
        ("tensor_range", lambda b, s: conv(b, s, np.zeros((4, 3, 3, 3), np.int8))),
        ("tensor_range", lambda b, s: conv(b, s, np.full((4, 3, 3, 3), -128, np.int8))),
        ("limit", lambda b, s: b.add("bconv2d", s, out_channels=65535, kernel=(999, 999), padding=(998, 998, 0, 0),
                                     tensors={"weight": np.ones((1, 1, 1, 1), np.int8)})),
        ("no_output", lambda b, s: b.graph([])),
        ("unknown_output", lambda b, s: b.graph(["y"])),
    ],
)  # fmt: skip
def test_mistakes(reason: str, call: Callable[[GraphBuilder, str], object]) -> None:
    b, s = started()
    with pytest.raises(GraphError) as caught:
        call(b, s)
    assert caught.value.reason == reason
    assert b.graph([s]).nodes[-1].name == s  # the failed call left nothing behind


def conv(b: GraphBuilder, s: str, weight: np.ndarray[tuple[int, ...], np.dtype[np.int8]]) -> str:
    return b.add("bconv2d", s, out_channels=4, kernel=(3, 3), tensors={"weight": weight})


def test_difference_finds_each_kind() -> None:
    b, s = started()
    g = b.graph(
        [b.add("affine", s, tensors={"scale": np.ones(3, np.float32), "bias": np.zeros(3, np.float32)})], {"k": "v"}
    )
    other = dict(g.tensors)
    minus_zero = {**other, "affine_1.bias": np.full(3, -0.0, np.float32)}
    renamed = {"a": other["affine_1.scale"], "affine_1.bias": other["affine_1.bias"]}
    changed = {
        "number of nodes": replace(g, nodes=g.nodes[:-1]),
        "node": replace(g, nodes=(*g.nodes[:-1], replace(g.nodes[-1], source="here"))),
        "outputs": replace(g, outputs=(s,)),
        "meta": replace(g, meta={}),
        "tensor names": replace(g, tensors=renamed),
        "tensor affine_1.bias: values": replace(g, tensors=minus_zero),
        "tensor affine_1.bias: float32 (3,) and float32 (1,)": replace(
            g, tensors={**other, "affine_1.bias": np.zeros(1, np.float32)}
        ),
    }
    for start, h in changed.items():
        assert difference(g, h).startswith(start) and not equal(g, h)
    assert equal(g, replace(g, tensors=dict(reversed(list(other.items())))))
