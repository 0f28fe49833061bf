"""A checkpoint of each few-bit scheme, trained as ``xnorkit compare`` trains it, exports, verifies and is inspected."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from xnorkit.cli.main import main
from xnorkit.compare.plan import make_plan, recipe_file, run_folder, store
from xnorkit.train.launch import run as train

SMALL = ("data.limit=64", "train.epochs=1", "train.batch=32", "schedule.warmup=0", "model.name=vgg_small",
         "model.options={stages: [[8], [8]]}")  # fmt: skip
SCHEMES: dict[str, tuple[str, int, bool]] = {
    "dorefa[weight.bits=2,activation.bits=4]": ("wconv2d", 2, True),
    "qnn": ("wconv2d", 1, True),
    "qnn[weight=linear]": ("qconv2d", 8, False),
    "qnn[activation=log,activation.bits=2]": ("wconv2d", 1, True),
    "twn": ("wconv2d", 2, True),
    "ttq": ("conv2d", 32, False),
    "bwn": ("wconv2d", 1, True),
    "binaryconnect": ("wconv2d", 1, True),
    "binaryconnect[weight.evaluate=real]": ("conv2d", 32, False),
    "xnor[activation=xnor-k,activation.bits=4]": ("wconv2d", 1, True),
    "bnn[first=planes,last=binary]": ("bconv2d", 1, True),
}
"""Scheme -> (operator of a hidden convolution, bits of its weights, packed?)."""


def told(*words: str | Path) -> dict[str, Any]:
    result = CliRunner().invoke(main, [*map(str, words), "--json", "-"])
    assert result.exit_code == 0, result.output
    found: dict[str, Any] = json.loads(result.stdout)
    return found


@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_trained_checkpoint_packs_and_equals(scheme: str, tmp_path: Path) -> None:
    (run,) = store(make_plan("digits-xnor", [scheme], [0], SMALL), tmp_path).runs
    train(recipe_file(tmp_path, run), out=run_folder(tmp_path, run), device="cpu", progress="plain", tensorboard=False)
    best, file = run_folder(tmp_path, run) / "best", tmp_path / "net.xnor.safetensors"
    exported = told("export", best, file)
    row = next(row for row in exported["layers"] if row["name"] == "blocks.0.conv")
    assert (row["op"], row["weight_bits"], row["packed"]) == SCHEMES[scheme]
    report = told("verify", best, file, "--limit", "64", "--layer-images", "4")
    assert report["ok"] and report["mismatches"] == 0
    assert not [layer for layer in report["layers"] if layer["different"] and layer["binding"]]
    costs = {layer["name"]: layer for layer in told("inspect", file)["layers"]}
    assert costs["blocks.0.conv"]["weights"] == 8 * 8 * 9 and costs["blocks.0.conv"]["macs"] == 8 * 8 * 9 * 14 * 14
