"""One graph for every reason in GRAPH_REASONS, built node by node so that only that rule is broken."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import xnorkit.graph
from xnorkit.errors import GraphError
from xnorkit.format.layout import Records
from xnorkit.graph.ir import Graph, Node
from xnorkit.graph.store import from_records
from xnorkit.graph.verify import GRAPH_REASONS, verify
from xnorkit.reference.bits import pack_flat
from xnorkit.reference.codecs.coded import Coded
from xnorkit.reference.codecs.table import CODECS
from xnorkit.reference.shapes import TensorType

X = Node("x", "input", attrs={"dtype": "f32", "shape": (4, 4, 3)})
U = Node("u", "input", attrs={"dtype": "u8", "shape": (4, 4, 3)})
S = Node("s", "sign", ("x",))
C = Node("c", "bconv2d", ("s",), {"out_channels": 2, "kernel": (3, 3)}, {"weight": "c.weight"})
WEIGHT = pack_flat(np.ones((2, 3, 3, 3), np.int8))  # 54 bits: 2 unused ones in the last byte
GOOD = Graph((X, S, C), ("c",), {"c.weight": WEIGHT})


def graph(*nodes: Node, outputs: tuple[str, ...] = (), tensors: dict[str, Any] | None = None, **meta: str) -> Graph:
    return Graph(nodes, outputs or (nodes[-1].name,), tensors or {}, meta)


def with_tensor(array: Any) -> Graph:
    return replace(GOOD, tensors={"c.weight": array})


def affine(scale: Any) -> Graph:
    node = Node("a", "affine", ("x",), {}, {"scale": "k", "bias": "b"})
    return graph(X, node, tensors={"k": np.asarray(scale), "b": np.zeros(3, np.float32)})


CODED = CODECS["shared"].encode(np.ones(3, np.float32))


def affine_coded(scale: Coded) -> Graph:
    made = affine(np.ones(3, np.float32))
    return replace(made, tensors={**made.tensors, "k": scale})


def pool(source: Node, *before: Node) -> Graph:
    node = Node("p", "max_pool2d", (source.name,), {"kernel": (2, 2)}, {"flip": "f"})
    return graph(*before, source, node, tensors={"f": np.zeros(1, np.uint8)})


def qdense(weight: np.ndarray[Any, Any], dtype: str = "u8") -> Graph:
    """``weight`` (1, H, W), because one side of an input ends at 65,535."""
    nodes = [Node("u", "input", attrs={"dtype": "u8" if dtype == "u8" else "f32", "shape": (*weight.shape[1:], 1)})]
    nodes += [] if dtype == "u8" else [Node("s", "sign", ("u",))]
    nodes += [Node("flat", "flatten", (nodes[-1].name,))]
    weight = weight.reshape(1, -1)
    node = Node("q", "qdense", (nodes[-1].name,), {"out_features": weight.shape[0]}, {"weight": "w"})
    return graph(*nodes, node, tensors={"w": weight})


def bad(node: Node, **changes: Any) -> Graph:
    return replace(GOOD, nodes=tuple(replace(n, **changes) if n.name == node.name else n for n in GOOD.nodes))


CASES: list[tuple[str, Callable[[], Graph]]] = [
    ("limit", lambda: graph(*(replace(X, name=f"n{i}") for i in range(4097)))),
    ("bad_name", lambda: graph(replace(X, name="a b"))),
    ("bad_meta", lambda: replace(GOOD, meta={"key": "nul\0"})),
    ("duplicate_name", lambda: graph(X, X)),
    ("unknown_op", lambda: bad(S, op="signum")),
    ("input_count", lambda: bad(S, inputs=("x", "x"))),
    ("unknown_input", lambda: bad(S, inputs=("y",))),
    ("order", lambda: bad(S, inputs=("c",))),
    ("bad_attr", lambda: bad(C, attrs={"out_channels": 2, "kernel": (3, 0)})),
    ("bad_type", lambda: bad(C, inputs=("x",))),
    ("bad_shape", lambda: bad(C, attrs={"out_channels": 2, "kernel": (5, 5)})),
    ("no_input", lambda: Graph((), ())),
    ("no_output", lambda: replace(GOOD, outputs=())),
    ("unknown_output", lambda: replace(GOOD, outputs=("y",))),
    ("unknown_role", lambda: bad(C, tensors={"weight": "c.weight", "bias": "c.weight"})),
    ("missing_tensor", lambda: replace(GOOD, tensors={})),
    ("unused_tensor", lambda: replace(GOOD, tensors={"c.weight": WEIGHT, "more": WEIGHT})),
    ("tensor_dtype", lambda: with_tensor(WEIGHT.view(np.int8))),
    ("tensor_shape", lambda: with_tensor(np.append(WEIGHT, WEIGHT))),
    ("tensor_range", lambda: affine(np.array([1, np.nan, 1], np.float32))),
    ("bits_tail", lambda: with_tensor(WEIGHT | np.array([0] * 6 + [64], np.uint8))),
    ("flip_input", lambda: pool(X)),
    ("coded", lambda: affine_coded(replace(CODED, codec="zip"))),
    ("accumulator", lambda: qdense(np.ones((1, 8, 8_289), np.int8))),
]

MORE: list[tuple[str, Callable[[], Graph]]] = [
    ("limit", lambda: graph(X, tensors={f"t{i}": WEIGHT for i in range(4097)})),
    ("limit", lambda: graph(X, outputs=("x",) * 4097)),
    ("limit", lambda: graph(replace(X, attrs={"dtype": "f32", "shape": (65535, 65535, 2)}))),
    ("limit", lambda: bad(C, attrs={"out_channels": 65535, "kernel": (1, 1), "padding": (99, 99, 99, 99)})),
    ("limit", lambda: bad(C, attrs={"out_channels": 65535, "kernel": (300, 300), "padding": (299, 299, 0, 0)})),
    ("bad_name", lambda: graph(replace(X, name=""))),
    ("bad_name", lambda: graph(replace(X, name="x" * 129))),
    ("bad_name", lambda: graph(replace(X, name="x\n"))),
    ("bad_name", lambda: graph(replace(X, name=3))),  # type: ignore[arg-type]
    ("bad_name", lambda: replace(GOOD, tensors={"__pad__0": WEIGHT})),
    ("bad_name", lambda: replace(GOOD, tensors={"__metadata__": WEIGHT})),
    ("bad_name", lambda: replace(GOOD, tensors={"ü": WEIGHT})),
    ("bad_meta", lambda: replace(GOOD, meta={"key": "x" * 65537})),
    ("bad_meta", lambda: replace(GOOD, meta={"\ud800": ""})),
    ("bad_meta", lambda: replace(GOOD, meta={"key": 3})),  # type: ignore[dict-item]
    ("bad_meta", lambda: replace(GOOD, meta={str(i): "" for i in range(257)})),
    ("bad_meta", lambda: bad(S, source="\0")),
    ("order", lambda: bad(S, inputs=("s",))),
    ("bad_attr", lambda: bad(C, attrs={"kernel": (3, 3)})),
    ("bad_attr", lambda: bad(C, attrs={"out_channels": True, "kernel": (3, 3)})),
    ("bad_attr", lambda: bad(C, attrs={"out_channels": 65536, "kernel": (3, 3)})),
    ("bad_attr", lambda: bad(C, attrs={"out_channels": 2, "kernel": (3, 3), "pad_value": 2})),
    ("bad_attr", lambda: bad(C, attrs={"out_channels": 2, "kernel": (3, 3), "colour": 1})),
    ("bad_attr", lambda: bad(X, attrs={"dtype": "i32", "shape": (4, 4, 3)})),
    ("bad_attr", lambda: bad(X, attrs={"dtype": "f32", "shape": (0, 4, 3)})),
    ("bad_shape", lambda: bad(C, attrs={"out_channels": 2, "kernel": (3, 3), "groups": 2})),
    ("bad_shape", lambda: graph(X, S, Node("d", "bdense", ("s",), {"out_features": 1}, {"weight": "w"}))),
    ("bad_shape", lambda: graph(X, Node("p", "avg_pool2d", ("x",), {"kernel": (2, 2), "padding": (2, 0, 0, 0)}))),
    ("bad_shape", lambda: graph(X, Node("p", "global_avg_pool2d", ("x",)), Node("a", "add", ("x", "p")))),
    ("unknown_output", lambda: replace(GOOD, outputs=("c", "c"))),
    ("missing_tensor", lambda: bad(C, tensors={})),
    ("missing_tensor", lambda: bad(C, tensors={"weight": "other"})),
    ("tensor_dtype", lambda: with_tensor([0] * 7)),
    ("tensor_dtype", lambda: affine(np.ones(3))),
    ("tensor_dtype", lambda: affine(np.ones(3, ">f4"))),
    ("coded", lambda: affine_coded(replace(CODED, attrs={}))),
    ("tensor_shape", lambda: affine_coded(CODECS["shared"].encode(np.ones(4, np.float32)))),
    ("tensor_dtype", lambda: with_tensor(CODED)),
    ("tensor_shape", lambda: with_tensor(WEIGHT[:-1])),
    ("tensor_shape", lambda: with_tensor(WEIGHT.reshape(7, 1))),
    ("tensor_shape", lambda: affine(np.ones((1, 3), np.float32))),
    ("tensor_range", lambda: affine(np.array([1, np.inf, 1], np.float32))),
    ("tensor_range", lambda: qdense(np.array([[[-128]]], np.int8))),
    ("flip_input", lambda: pool(U)),
    ("accumulator", lambda: qdense(np.ones((1, 263, 64_294), np.int8), "bits")),
]


def reason_of(broken: Graph) -> str:
    with pytest.raises(GraphError) as caught:
        verify(broken)
    assert f"({caught.value.reason})" in str(caught.value)
    return caught.value.reason


def test_as_many_cases_as_reasons() -> None:
    assert [reason for reason, _ in CASES] == [r for r in GRAPH_REASONS if r != "bad_schema"]


@pytest.mark.parametrize(("reason", "make"), CASES, ids=[reason for reason, _ in CASES])
def test_reason(reason: str, make: Callable[[], Graph]) -> None:
    assert reason_of(make()) == reason


def test_bad_schema() -> None:
    with pytest.raises(GraphError) as caught:
        from_records(Records('{"nodes":[],"outputs":[],"edges":[]}'))
    assert caught.value.reason == "bad_schema"


@pytest.mark.parametrize(("reason", "make"), MORE, ids=[f"{i}-{reason}" for i, (reason, _) in enumerate(MORE)])
def test_more_of_the_same(reason: str, make: Callable[[], Graph]) -> None:
    assert reason_of(make()) == reason


def test_source_raises_only_listed_reasons() -> None:
    sources = "".join(p.read_text() for p in Path(str(xnorkit.graph.__file__)).parent.glob("*.py"))
    raised = set(re.findall(r'(?:GraphError|_at_node)\(\s*"(\w+)"', sources))
    assert raised == set(GRAPH_REASONS)


def test_good_graph_returns_types() -> None:
    assert verify(GOOD) == {
        "x": TensorType("f32", (4, 4, 3)),
        "s": TensorType("bits", (4, 4, 3)),
        "c": TensorType("i32", (2, 2, 2)),
    }


def test_widest_integer_layer_is_allowed() -> None:
    """255 * 127 * 66,311 = 7 * 9,473 products; and on bits 127 * 16,909,320."""
    verify(qdense(np.full((1, 7, 9_473), 127, np.int8)))
    verify(qdense(np.full((1, 290, 58_308), 127, np.int8), "bits"))


def test_shared_tensors_and_unread_nodes_are_allowed() -> None:
    second = replace(C, name="c2")
    verify(graph(X, S, C, second, outputs=("c2",), tensors={"c.weight": WEIGHT}))


def test_messages_name_the_node_and_hide_control_characters() -> None:
    with pytest.raises(
        GraphError, match=r"^\[c: bconv2d\.kernel\] attribute \(bad_attr\): got \(3, 0\), expected 2 integer"
    ):
        verify(bad(C, attrs={"out_channels": 2, "kernel": (3, 0)}))
    for node, changes in ((S, {"op": "\x1b[2J"}), (S, {"inputs": ("\x1b[2J",)}), (C, {"tensors": {"\x1b[2J": "x"}}),
                          (C, {"tensors": {"weight": "\x1b"}}), (S, {"source": "\0\x1b"}), (X, {"name": "\x1b"}),
                          (C, {"attrs": {"kernel": "\x1b[2J" * 1000}}), (C, {"attrs": {"\x1b[2J": 1}})):  # fmt: skip
        with pytest.raises(GraphError) as caught:
            verify(bad(node, **changes))
        assert str(caught.value).replace("\n", "").isprintable() and len(str(caught.value)) < 800
