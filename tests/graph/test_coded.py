"""Coded weights in graphs and files: version 2, the same numbers, and descriptions that lie."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from xnorkit.errors import FormatError, GraphError, LimitError
from xnorkit.format.layout import Records
from xnorkit.format.write import to_bytes as records_to_bytes
from xnorkit.graph import store
from xnorkit.graph.build import GraphBuilder
from xnorkit.graph.dump import dump
from xnorkit.graph.equal import difference
from xnorkit.graph.ir import Graph
from xnorkit.graph.passes.pipeline import run_passes
from xnorkit.graph.verify import verify
from xnorkit.reference.codecs.coded import Coded
from xnorkit.reference.codecs.table import CODECS
from xnorkit.runtime.session import Session


def plain() -> Graph:
    """One dense layer of few values, most of them 0, and a bias."""
    rng = np.random.default_rng(0)
    weight = np.where(rng.random((30, 64)) < 0.2, rng.choice(np.array([-1.5, 0.25, 3], np.float32), (30, 64)), 0)
    b = GraphBuilder()
    x = b.input("x", "f32", (1, 1, 64))
    tensors = {"weight": weight.astype(np.float32), "bias": np.arange(30, dtype=np.float32)}
    return b.graph([b.add("dense", x, name="fc", out_features=30, tensors=tensors)])


def coded(codec: str = "sparse_shared", **options: int) -> Graph:
    graph = plain()
    return replace(
        graph, tensors={**graph.tensors, "fc.weight": CODECS[codec].encode(graph.array("fc.weight"), options)}
    )


CODED = coded()
ROOT = json.loads(store.to_records(CODED).graph)


def signed(change: Any = None, version: int = 2, **tensors: np.ndarray) -> bytes:
    """The coded graph's file, its description changed, with a hash that is right."""
    records, root = store.to_records(CODED), json.loads(json.dumps(ROOT))
    if change is not None:
        change(root["coded"]["fc.weight"])
    return records_to_bytes(Records(json.dumps(root), {**records.tensors, **tensors}, version=version))


@pytest.mark.parametrize("codec", ["shared", "sparse", "sparse_shared", "vector"])
def test_a_file_brings_the_parts_back(codec: str, tmp_path: Path) -> None:
    graph = coded(codec, **({"segments": 16} if codec == "vector" else {}))
    size = store.save(graph, tmp_path / "net.safetensors")
    back = store.load(tmp_path / "net.safetensors")
    assert isinstance(back.tensors["fc.weight"], Coded) and difference(back, graph) == ""
    assert difference(back.decoded(), plain()) == "" and store.to_bytes(back) == store.to_bytes(graph)
    assert store.info(tmp_path / "net.safetensors").version == 2 and size < len(store.to_bytes(plain()))
    assert store.info(store.to_bytes(plain())).version == 1


@pytest.mark.parametrize("backend", ["engine", "reference"])
def test_sessions_run_what_it_decodes_to(backend: Any) -> None:
    x = np.random.default_rng(1).standard_normal((5, 64)).astype(np.float32)
    expected = Session(plain(), backend=backend)(x)
    assert np.array_equal(Session(CODED, backend=backend)(x), expected)
    assert np.array_equal(Session(store.to_bytes(CODED), backend=backend)(x), expected)


def test_passes_dumps_and_comparisons_know_coded_weights() -> None:
    assert difference(run_passes(CODED), plain()) == ""
    assert "weight: f32[30x64] as sparse_shared" in dump(CODED)
    assert "coded as" in difference(CODED, coded(huffman=0))


def test_budgets_count_what_weights_decode_to() -> None:
    data = store.to_bytes(CODED)
    with pytest.raises(FormatError, match="when decoded") as caught:
        store.load(data, budget_bytes=7000)
    assert caught.value.reason == "over_budget" and len(data) < 7000
    with pytest.raises(LimitError, match="when decoded"):
        Session(CODED, memory_budget=7000)


def _bomb(root: dict[str, Any]) -> None:
    root["shape"] = [1 << 20, 1 << 10]


def _set(key: str, value: Any) -> Any:
    return lambda root: root.update({key: value})


def _attr(key: str, value: Any) -> Any:
    return lambda root: root["attrs"].update({key: value})


LIES: dict[str, tuple[Any, str]] = {
    "codec": (_set("codec", "zip"), "coded"),
    "an unknown field": (_set("more", 1), "bad_schema"),
    "no shape": (lambda root: root.pop("shape"), "bad_schema"),
    "a shape of texts": (_set("shape", ["30", "64"]), "bad_schema"),
    "another shape": (_set("shape", [64, 30]), "tensor_shape"),
    "a bomb": (_bomb, "tensor_shape"),
    "attributes of texts": (_attr("entries", "1"), "bad_schema"),
    "a further attribute": (_attr("more", 1), "coded"),
    "parts that do not add up": (lambda root: root["parts"].update(gaps=1), "coded"),
    "parts of another codec": (_set("codec", "shared"), "coded"),
    "a negative part": (lambda root: root["parts"].update(gaps=-1), "coded"),
}


@pytest.mark.parametrize("name", LIES)
def test_descriptions_that_lie_are_refused_at_load(name: str) -> None:
    change, reason = LIES[name]
    with pytest.raises(GraphError) as caught:
        store.load(signed(change))
    assert caught.value.reason == reason


def test_streams_that_lie_are_refused_before_they_run() -> None:
    graph = store.load(signed(_attr("entries", 5)))
    for attempt in (lambda: Session(graph), lambda: Session(graph, backend="reference"), graph.decoded):
        with pytest.raises(GraphError) as caught:
            attempt()
        assert caught.value.reason == "coded"


def test_codes_need_version_2_and_bytes() -> None:
    with pytest.raises(GraphError, match="unknown field"):
        store.load(signed(version=1))
    floats = store.to_records(CODED).tensors["fc.weight"].astype(np.float32)
    with pytest.raises(GraphError, match="one row of uint8"):
        store.load(signed(None, **{"fc.weight": floats}))


def test_codes_stand_for_float_weights_only() -> None:
    weight = CODECS["shared"].encode(np.ones((2, 8), np.float32))
    b = GraphBuilder()
    bits = b.add("sign", b.input("x", "f32", (1, 1, 8)))
    graph = b.graph([b.add("bdense", bits, name="fc", out_features=2, tensors={"weight": np.ones((2, 8), np.int8)})])
    with pytest.raises(GraphError) as caught:
        verify(replace(graph, tensors={"fc.weight": weight}))
    assert caught.value.reason == "tensor_dtype"
