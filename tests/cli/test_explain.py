"""``xnorkit explain`` on the zoo's model: steps, reasons, shares."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

Run = Callable[..., Result]


def test_explain_tells_what_is_not_one_bit(xnorkit: Run, tmp_path: Path) -> None:
    to = tmp_path / "explain.json"
    shown = xnorkit("explain", "fashion-mnist-lenet5-xnor", "--rounds", 2, "--json", to)
    assert shown.exit_code == 0, shown.output
    assert "int8 weights: a first layer, on pixels" in shown.output and "bconv2d" not in shown.output
    found = json.loads(to.read_text())
    steps = {step["layer"]: step for step in found["steps"]}
    assert steps["conv2"]["why"] == steps["fc1"]["why"] == ""
    assert steps["fc2"]["why"].startswith("int8 weights: a last layer")
    assert sum(step["percent"] for step in found["steps"]) == pytest.approx(100)
    assert sum(step["percent_bytes"] for step in found["steps"]) == pytest.approx(100)
    assert found["one_bit"]["steps"] == sum(not step["why"] for step in found["steps"])
    every = xnorkit("explain", "fashion-mnist-lenet5-xnor", "--rounds", 1, "--all").output
    assert "conv2" in every and "one-bit and fused: " in every


def test_explain_refuses_what_is_no_file(xnorkit: Run) -> None:
    assert xnorkit("explain", "nothing.xnor.safetensors").exit_code == 1
