"""Whole files: the data are the numbers at their width and nothing else; the header is what its nodes take."""

from __future__ import annotations

import json
import struct
import warnings
from pathlib import Path

import pytest
import torch

from xnorkit.export import export
from xnorkit.models import MODELS, config_of, create_model, summary

ALIGNMENT = 64
NODE_BYTES = 480
"""Of a node in the header: its line in the graph, the names, shapes and offsets of its tensors and of their gaps."""


@pytest.mark.parametrize("name", ["lenet5", "resnet18", "birealnet18"])
def test_a_file_is_its_numbers_and_a_short_header(name: str, tmp_path: Path) -> None:
    row = MODELS[name]
    model = create_model(name, in_chans=row.in_chans, num_classes=1000, **row.options).eval()
    side = config_of(model)["input_size"]
    shape, path = (row.in_chans, side, side), tmp_path / "net.xnor.safetensors"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch.export's own
        report = export(model, torch.zeros(1, *shape), path, input_dtype="u8")
    weights = sum(-(-layer.weights * layer.weight_bits // 8) for layer in summary(model, shape).layers)
    others = [report.graph.tensors[key].nbytes for node in report.graph.nodes for role, key in node.tensors.items()
              if role != "weight"]  # fmt: skip
    numbers, tensors = weights + sum(others), len(report.graph.tensors)
    (header,) = struct.unpack("<Q", path.read_bytes()[:8])
    data = path.stat().st_size - 8 - header
    assert numbers <= data < numbers + tensors * ALIGNMENT
    assert header < 1000 + NODE_BYTES * len(report.graph.nodes)
    assert report.file_bytes == path.stat().st_size
    if data > 2**21 and len(report.graph.nodes) < 100:
        assert path.stat().st_size < 1.01 * numbers, "a file of many numbers and few nodes is within 1 %"


def test_the_header_is_readable_text(tmp_path: Path) -> None:
    path = tmp_path / "net.xnor.safetensors"
    export(create_model("lenet5").eval(), torch.zeros(1, 1, 28, 28), path)
    raw = path.read_bytes()
    header = json.loads(raw[8 : 8 + struct.unpack("<Q", raw[:8])[0]])
    assert json.loads(header["__metadata__"]["xnorkit.graph"])["nodes"][0]["op"] == "input"
