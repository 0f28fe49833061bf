"""Files of released versions keep loading with equal content, and today's writer still writes the same bytes."""

from __future__ import annotations

import runpy
from collections.abc import Callable
from pathlib import Path

import pytest

from xnorkit.graph import store
from xnorkit.graph.dump import dump
from xnorkit.graph.equal import difference
from xnorkit.graph.ir import Graph
from xnorkit.reference.codecs.coded import Coded
from xnorkit.reference.codecs.table import CODECS
from xnorkit.reference.ops import OPS

ROOT = Path(__file__).resolve().parents[2]
MAKERS: dict[str, Callable[[], Graph]] = runpy.run_path(str(ROOT / "tools" / "make_golden.py"))["GOLDEN"]
HASHES = {
    "every_op_v1": "95fe3e5052ec941a4fba197d8968b515726c250fe2381b376de674e7dd010f21",
    "every_codec_v2": "7f5f99ed45b47d41f3d700beeec085eea506a4e3b5bbcfe53b249952ad21749f",
}


def path(name: str) -> Path:
    return ROOT / "tests" / "golden" / f"{name}.xnor.safetensors"


def test_every_file_has_its_maker_and_hash() -> None:
    files = {file.name.split(".")[0] for file in path("x").parent.glob("*.safetensors")}
    assert files == set(MAKERS) == set(HASHES)


@pytest.mark.parametrize("name", HASHES)
def test_loads_with_equal_content(name: str) -> None:
    assert difference(store.load(path(name)), MAKERS[name]()) == ""


@pytest.mark.parametrize("name", HASHES)
def test_writer_writes_the_same_bytes(name: str) -> None:
    assert store.to_bytes(MAKERS[name]()) == path(name).read_bytes()


@pytest.mark.parametrize("name", HASHES)
def test_dump_is_stable(name: str) -> None:
    text = path(name).with_name(f"{name}.txt").read_text(encoding="utf-8")
    assert dump(store.load(path(name))) + "\n" == text


@pytest.mark.parametrize("name", HASHES)
def test_hash_and_version_are_as_released(name: str) -> None:
    found = store.info(path(name))
    assert found.sha256 == HASHES[name] and f"v{found.version}" == name.rpartition("_")[2]


def test_every_op_and_codec_is_in_them() -> None:
    assert {node.op for node in MAKERS["every_op_v1"]().nodes} == set(OPS)
    weights = MAKERS["every_codec_v2"]().tensors.values()
    assert {weight.codec for weight in weights if isinstance(weight, Coded)} == set(CODECS)


def test_coded_weights_are_the_numbers_they_were_made_of() -> None:
    found = store.load(path("every_codec_v2")).arrays()
    few = found.pop("hashed.weight")
    assert len({array.tobytes() for array in found.values()}) == 1 and abs(few).max() > 0
