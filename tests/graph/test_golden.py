"""Files of released versions keep loading with equal content, and today's writer still writes the same bytes."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

from xnorkit.graph import store
from xnorkit.graph.dump import dump
from xnorkit.graph.equal import difference
from xnorkit.graph.ir import Graph
from xnorkit.reference.ops import OPS

ROOT = Path(__file__).resolve().parents[2]
FILE = ROOT / "tests" / "golden" / "every_op_v1.xnor.safetensors"


@pytest.fixture(scope="module")
def made() -> Graph:
    """The graph as tools/make_golden.py builds it today."""
    graph = runpy.run_path(str(ROOT / "tools" / "make_golden.py"))["golden_graph"]()
    assert isinstance(graph, Graph)
    return graph


def test_loads_with_equal_content(made: Graph) -> None:
    assert difference(store.load(FILE), made) == ""


def test_writer_writes_the_same_bytes(made: Graph) -> None:
    assert store.to_bytes(made) == FILE.read_bytes()


def test_dump_is_stable() -> None:
    assert dump(store.load(FILE)) + "\n" == FILE.with_name("every_op_v1.txt").read_text(encoding="utf-8")


def test_hash_is_as_released() -> None:
    assert store.info(FILE).sha256 == "95fe3e5052ec941a4fba197d8968b515726c250fe2381b376de674e7dd010f21"


def test_every_op_is_in_it(made: Graph) -> None:
    assert {node.op for node in made.nodes} == set(OPS)
