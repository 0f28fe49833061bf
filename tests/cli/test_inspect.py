"""inspect: figures are those of the file; damaged files give one clear line."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from click.testing import Result

from xnorkit.cli.costs import by_kind, costs
from xnorkit.graph.build import GraphBuilder

Run = Callable[..., Result]


def test_json_tells_bytes_hashes_kinds_and_metadata(xnorkit: Run, model: Path) -> None:
    found = json.loads(xnorkit("inspect", model, "--json", "-").stdout)
    assert found["file_bytes"] == model.stat().st_size
    assert found["file_sha256"] == hashlib.sha256(model.read_bytes()).hexdigest()
    assert found["kinds"]["int8"] == {"parameters": 192, "bytes": 192, "macs": 192}
    assert found["kinds"]["other"] == {"parameters": 6, "bytes": 24, "macs": 0}
    assert found["meta"]["about"] == "brightness"
    assert [layer["name"] for layer in found["layers"]] == ["image", "flat", "score", "logits"]


def test_tables_and_graph_for_people(xnorkit: Run, model: Path) -> None:
    assert "alignment" in xnorkit("inspect", model).output
    assert "qdense" in xnorkit("inspect", model, "--graph").output


def test_macs_of_a_grouped_binary_convolution() -> None:
    builder = GraphBuilder()
    x = builder.input("x", "f32", (6, 5, 8))
    bits = builder.add("sign", x)
    weight = np.ones((4, 3, 3, 4), np.int8)
    acc = builder.add("bconv2d", bits, name="conv", out_channels=4, kernel=(3, 3), stride=(2, 1), groups=2,
                      padding=(1, 1, 1, 1), tensors={"weight": weight})  # fmt: skip
    rows = costs(builder.graph([acc]))
    conv = rows[-1]
    assert (conv.kind, conv.weights, conv.bytes) == ("binary", 144, 18)
    assert conv.macs == (3 * 5) * 4 * 9 * 4
    assert by_kind(rows) == {"binary": {"parameters": 144, "bytes": 18, "macs": conv.macs}}


@pytest.mark.parametrize("keep", [0, 7, 100, -1])
def test_truncated_files(xnorkit: Run, model: Path, keep: int) -> None:
    data = model.read_bytes()
    model.write_bytes(data[:keep] if keep >= 0 else data[:-1])
    for verb in (["inspect", model], ["predict", model, "x.png"]):
        result = xnorkit(*verb)
        assert result.exit_code == 1
        assert result.stderr.startswith("error: [")
        assert "Traceback" not in result.output


def test_a_flipped_bit_is_found(xnorkit: Run, model: Path) -> None:
    data = bytearray(model.read_bytes())
    data[-1] ^= 1
    model.write_bytes(data)
    result = xnorkit("inspect", model)
    assert result.exit_code == 1
    assert "sha" in result.stderr.lower()


def test_unknown_file_names_the_zoo(xnorkit: Run) -> None:
    result = xnorkit("inspect", "nowhere.safetensors")
    assert result.exit_code == 1
    assert "fashion-mnist-lenet5-xnor" in result.stderr


def test_debug_shows_the_traceback(xnorkit: Run) -> None:
    result = xnorkit("inspect", "nowhere.safetensors", "--debug")
    assert result.exit_code == 1
    assert type(result.exception).__name__ == "DataError"
