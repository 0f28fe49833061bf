"""Sensitivity: a row for each layer and rate, the first of them the net as it is, nothing of the net changed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner
from stripes import DATA, trained

from xnorkit.cli.main import main
from xnorkit.compress.sensitivity import KINDS, scan, sensitivity
from xnorkit.errors import RangeError
from xnorkit.train.checkpoint import load_checkpoint
from xnorkit.train.evaluation import evaluate


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return trained(tmp_path_factory.mktemp("fp32"))


@pytest.mark.parametrize("kind", KINDS)
def test_each_layer_alone_at_each_rate(checkpoint: Path, tmp_path: Path, kind: str) -> None:
    rows = sensitivity(checkpoint, tmp_path, kind=kind, data=DATA[0], limit=200)
    rates = KINDS[kind][1]
    assert [row["layer"] for row in rows[:: len(rates)]] == ["conv1", "conv2", "fc1", "fc2"]
    assert [row["rate"] for row in rows] == list(rates) * 4
    assert json.loads((tmp_path / "sensitivity.json").read_text())["rows"] == rows
    assert (tmp_path / "sensitivity.png").stat().st_size > 1000 and "fc1" in (tmp_path / "sensitivity.md").read_text()


@pytest.mark.parametrize("kind", KINDS)
def test_a_rows_accuracy_is_that_of_the_net_so_changed(checkpoint: Path, kind: str) -> None:
    model, _ = load_checkpoint(checkpoint)
    with torch.no_grad():
        model.fc1.weight.add_(
            torch.randn(model.fc1.weight.shape, generator=torch.Generator().manual_seed(0)) / 4
        )  # it errs
    change, rates, _ = KINDS[kind]
    rows = [row for row in scan(model, DATA[0], kind) if row["layer"] == "fc1"]
    weight = model.fc1.weight.detach().clone()
    for rate, row in zip(rates, rows, strict=True):
        model.fc1.weight.data.copy_(change(weight, rate))
        assert evaluate(model, DATA[0]).top1 == row["top1"]
    assert len({row["top1"] for row in rows}) > 1


def test_the_net_is_as_it_was(checkpoint: Path) -> None:
    model, _ = load_checkpoint(checkpoint)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    rows = scan(model, DATA[0], "prune", [0.0, 0.9])
    assert all(row["top1"] == evaluate(model, DATA[0]).top1 for row in rows if row["rate"] == 0)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_kinds_and_rates_that_are_none_are_refused(checkpoint: Path) -> None:
    model, _ = load_checkpoint(checkpoint)
    for kind, rates in (("melt", []), ("prune", [1.5]), ("share", [9])):
        with pytest.raises(RangeError):
            scan(model, DATA[0], kind, rates)


def test_the_verb_wants_stages_or_a_scan() -> None:
    for words in ([], ["--with", "huffman", "--sensitivity", "prune"]):
        done = CliRunner().invoke(main, ["compress", "nowhere", "-o", "out", *words])
        assert done.exit_code == 2 and "--sensitivity" in done.output
