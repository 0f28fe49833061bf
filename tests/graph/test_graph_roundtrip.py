"""A graph survives its file bit for bit; damaged and hostile files are refused with a reason, never misread."""

from __future__ import annotations

import json
import math
from collections import Counter
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest
from evaluate import evaluate
from hypothesis import given, settings
from hypothesis import strategies as st
from random_graphs import random_graph

from xnorkit.errors import FormatError, GraphError
from xnorkit.format.layout import Records
from xnorkit.format.validate import FORMAT_REASONS
from xnorkit.format.write import to_bytes as records_to_bytes
from xnorkit.graph import store
from xnorkit.graph.build import GraphBuilder
from xnorkit.graph.dump import dump
from xnorkit.graph.equal import difference
from xnorkit.graph.infer import infer
from xnorkit.graph.ir import Graph
from xnorkit.graph.verify import GRAPH_REASONS
from xnorkit.reference.ops import OPS


def small_graph() -> Graph:
    b = GraphBuilder()
    x = b.input("x", "f32", (1, 1, 9))
    s = b.add("sign", x)
    y = b.add(
        "bdense", s, name="y", out_features=3, tensors={"weight": np.resize(np.array([1, -1, -1], np.int8), (3, 9))}
    )
    return b.graph([y], {"data": "digits"})


def load_or_reason(data: bytes) -> Graph | str:
    """The graph, or the reason of the refusal; any other exception is a failure of the test."""
    try:
        return store.load(data)
    except FormatError as error:
        assert error.reason in FORMAT_REASONS
        return error.reason
    except GraphError as error:
        assert error.reason in GRAPH_REASONS
        return error.reason


@settings(max_examples=120)
@given(st.randoms(use_true_random=False))
def test_round_trip_is_bit_identical(rng: Random) -> None:
    graph = random_graph(rng)
    data = store.to_bytes(graph)
    back = store.from_bytes(data)
    assert difference(graph, back) == ""
    assert store.to_bytes(back) == data
    assert dump(back) == dump(graph)


def test_random_graphs_reach_every_op() -> None:
    seen: Counter[str] = Counter()
    for seed in range(200):
        seen.update(node.op for node in random_graph(Random(seed)).nodes)
    assert set(seen) == set(OPS), set(OPS) - set(seen)


def test_save_and_load(tmp_path: Path) -> None:
    graph, path = small_graph(), tmp_path / "net.xnor.safetensors"
    size = store.save(graph, path)
    assert size == path.stat().st_size == store.info(path).file_bytes
    assert difference(store.load(path), graph) == "" and difference(store.load(str(path)), graph) == ""
    facts = store.info(path)
    assert facts.file_bytes == facts.header_bytes + facts.tensor_bytes + facts.padding_bytes
    assert facts.tensor_bytes == 4 and facts.sha256 == store.info(path.read_bytes()).sha256


def test_truncation_at_every_byte() -> None:
    data = store.to_bytes(small_graph())
    for end in range(len(data)):
        assert isinstance(load_or_reason(data[:end]), str), end


def test_every_single_bit_flip() -> None:
    """Each bit of the file, flipped alone, is noticed: nothing of a file may change its meaning unseen."""
    graph = small_graph()
    data = store.to_bytes(graph)
    for bit in range(len(data) * 8):
        broken = bytearray(data)
        broken[bit // 8] ^= 1 << bit % 8
        found = load_or_reason(bytes(broken))
        assert isinstance(found, str) or difference(found, graph) == "", bit


@pytest.mark.parametrize("seed", range(4))
def test_random_damage(seed: int) -> None:
    """1,000 files a seed: bytes overwritten, cut out, inserted or swapped."""
    rng = Random(seed)
    graph = random_graph(rng, steps=3)
    data = store.to_bytes(graph)
    reasons: Counter[str] = Counter()
    for _ in range(1000):
        broken = bytearray(data)
        for _ in range(rng.randint(1, 4)):
            at, size = rng.randrange(len(broken)), rng.randint(1, 8)
            kind = rng.randrange(4)
            if kind == 0:
                broken[at : at + size] = rng.randbytes(len(broken[at : at + size]))
            elif kind == 1:
                del broken[at : at + size]
            elif kind == 2:
                broken[at:at] = rng.choice([rng.randbytes(size), b"9" * size, b"[" * size, broken[at : at + size]])
            else:
                other = rng.randrange(len(broken))
                broken[at], broken[other] = broken[other], broken[at]
        found = load_or_reason(bytes(broken))
        reasons[found if isinstance(found, str) else "equal"] += 1
        assert isinstance(found, str) or difference(found, graph) == ""
    assert len(reasons) >= 5


JSON_VALUES: list[Any] = [
    None, True, False, 0, 1, -1, 2, 7, 65535, 65536, 1 << 31, 1 << 53, "", "x", "in0", "f32", "../x", "\x1b[2J",
    "ü" * 300, [], [1], [1, 1], [1, 1, 1], [65535, 65535, 65535], [0, 0, 0, 0], [[1]], {}, {"x": 1}, "sign",
    "flatten", "conv2d",
]  # fmt: skip


def mutate(rng: Random, value: Any) -> Any:
    """The same JSON tree with one place replaced, removed, repeated, renamed or moved."""
    if isinstance(value, dict) and value and rng.random() < 0.85:
        value, key = dict(value), rng.choice(list(value))
        kind = rng.randrange(8)
        if kind == 0:
            del value[key]
        elif kind == 1:
            value[rng.choice(["x", "name", "op", "weight", "kernel", "__class__"])] = value.pop(key)
        else:
            value[key] = mutate(rng, value[key])
        return value
    if isinstance(value, list) and value and rng.random() < 0.85:
        value, at = list(value), rng.randrange(len(value))
        kind = rng.randrange(8)
        if kind == 0:
            del value[at]
        elif kind == 1:
            value.insert(at, rng.choice(value))
        elif kind == 2:
            rng.shuffle(value)
        else:
            value[at] = mutate(rng, value[at])
        return value
    return rng.choice(JSON_VALUES)


def twist(rng: Random, root: dict[str, Any]) -> dict[str, Any]:
    """A change that keeps the schema: another op, input, attribute value, tensor or output."""
    node = rng.choice(root["nodes"])
    names = [n["name"] for n in root["nodes"]]
    kind = rng.randrange(6)
    if kind == 0:
        node["op"] = rng.choice(sorted(OPS))
    elif kind == 1 and node.get("inputs"):
        node["inputs"][rng.randrange(len(node["inputs"]))] = rng.choice(names)
    elif kind == 2 and node.get("tensors"):
        keys = [key for n in root["nodes"] for key in n.get("tensors", {}).values()]
        node["tensors"][rng.choice(sorted(node["tensors"]))] = rng.choice(keys)
    elif kind == 3:
        root["outputs"] = rng.sample(names, rng.randint(1, len(names)))
    elif node.get("attrs"):
        key = rng.choice(sorted(node["attrs"]))
        value = node["attrs"][key]
        if isinstance(value, list):
            value[rng.randrange(len(value))] = rng.choice([0, 1, 2, 3, 5, 65535])
        else:
            node["attrs"][key] = rng.choice([0, 1, 2, 3, -1, 65535, True, "u8", "f32"])
    return root


def test_hostile_graphs_with_a_valid_hash() -> None:
    """2,000 graphs, changed and signed again: refused with a reason, or a graph that obeys every rule and runs."""
    rng = Random(1000)
    reasons: Counter[str] = Counter()
    for _ in range(2000):
        records = store.to_records(random_graph(rng, steps=4))
        root = json.loads(records.graph)
        change = rng.choice([mutate, twist])
        for _ in range(rng.randint(1, 3)):
            root = change(rng, root)
        tensors = dict(records.tensors)
        if tensors and rng.random() < 0.3:
            key = rng.choice(list(tensors))
            if rng.random() < 0.5:
                tensors[key] = np.resize(tensors[key], rng.choice([(1,), (3,), (2, 2), tensors[key].shape]))
            else:
                tensors[key] = tensors[key].view(np.uint8)
        found = load_or_reason(records_to_bytes(Records(json.dumps(root), tensors, records.meta)))
        if isinstance(found, Graph):
            assert difference(store.load(store.to_bytes(found)), found) == ""
            if all(math.prod(t.shape) < 1 << 16 for t in infer(found).values()):
                evaluate(found, images=1)
        reasons[found if isinstance(found, str) else "valid"] += 1
    assert len(reasons) >= 17 and reasons["valid"] >= 200, reasons


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "bad_json"),
        ("[1", "bad_json"),
        ('{"nodes":[],"nodes":[],"outputs":[]}', "duplicate_key"),
        ('{"nodes":[],"outputs":[1.0]}', "bad_number"),
        ('{"nodes":[[[[[[[[[]]]]]]]]],"outputs":[]}', "too_deep"),
        ('{"nodes":[],"outputs":["\\ud800"]}', "bad_encoding"),
        ("[]", "bad_schema"),
        ("null", "bad_schema"),
        ('{"nodes":[]}', "bad_schema"),
        ('{"nodes":{},"outputs":[]}', "bad_schema"),
        ('{"nodes":[],"outputs":[],"more":0}', "bad_schema"),
        ('{"nodes":[],"outputs":[[]]}', "bad_schema"),
        ('{"nodes":["x"],"outputs":[]}', "bad_schema"),
        ('{"nodes":[{"name":"x"}],"outputs":[]}', "bad_schema"),
        ('{"nodes":[{"name":"x","op":"sign","inputs":"x"}],"outputs":[]}', "bad_schema"),
        ('{"nodes":[{"name":"x","op":"sign","inputs":[{}]}],"outputs":[]}', "bad_schema"),
        ('{"nodes":[{"name":"x","op":"sign","tensors":{"a":[]}}],"outputs":[]}', "bad_schema"),
        ('{"nodes":[{"name":"x","op":"sign","attrs":[]}],"outputs":[]}', "bad_schema"),
        ('{"nodes":[{"name":"x","op":"sign","source":1}],"outputs":[]}', "bad_schema"),
        ('{"nodes":[{"name":"x","op":"sign","self":1}],"outputs":[]}', "bad_schema"),
        ('{"nodes":[],"outputs":[]}', "no_input"),
        ('{"nodes":[{"name":"\\u0000","op":"input"}],"outputs":[]}', "bad_name"),
        ('{"nodes":[{"name":"x","op":"sign","source":"\\u0000"}],"outputs":[]}', "bad_meta"),
    ],
)
def test_graph_text(text: str, reason: str) -> None:
    assert load_or_reason(records_to_bytes(Records(text))) == reason


def test_a_binary_layer_costs_one_bit_a_weight() -> None:
    b = GraphBuilder()
    s = b.add("sign", b.input("x", "f32", (14, 14, 256)))
    weight = np.ones((256, 3, 3, 256), np.int8)
    acc = b.add("bconv2d", s, out_channels=256, kernel=(3, 3), padding=(1, 1, 1, 1), tensors={"weight": weight})
    flip, threshold = np.ones(256, np.int8), np.zeros(256, np.int32)
    y = b.add("threshold", acc, tensors={"threshold": threshold, "flip": flip})
    data = store.to_bytes(b.graph([y]))
    facts = store.info(data)
    assert facts.tensor_bytes == weight.size // 8 + 256 * 4 + 256 // 8
    assert facts.padding_bytes + (facts.header_bytes - len(store.to_records(b.graph([y])).graph)) < 64 * 3 + 900
    assert len(data) <= weight.size // 8 + 256 * 4 + 256 // 8 + 64 * 3 + facts.header_bytes
    assert facts.header_bytes <= 1280


def test_odd_bits_are_dense() -> None:
    """No padding inside: 7 x 3 x 3 x 5 = 315 weights are 40 bytes, where one byte row a tap would take 63."""
    b = GraphBuilder()
    s = b.add("sign", b.input("x", "f32", (3, 3, 5)))
    weight = np.ones((7, 3, 3, 5), np.int8)
    y = b.add("bconv2d", s, out_channels=7, kernel=(3, 3), tensors={"weight": weight})
    assert store.info(store.to_bytes(b.graph([y]))).tensor_bytes == 40
