"""Checkpoint folders: what they hold, what is refused, and that an unlucky moment loses nothing."""

from __future__ import annotations

import json
import os
import resource
from pathlib import Path

import pytest
import torch
from torch import nn

from xnorkit.errors import CheckpointError, SaveError
from xnorkit.models import create_model
from xnorkit.train import load_checkpoint
from xnorkit.train.checkpoint import CheckpointInfo, exists, load_state, save
from xnorkit.train.files import old_name, write_file, write_folder
from xnorkit.train.recipe import Recipe

LENET = {"name": "lenet5", "method": "xnor", "num_classes": 3, "in_chans": 1, "input_size": 28}


def info(model: dict[str, object] | None = None) -> CheckpointInfo:
    return CheckpointInfo(Recipe(), model, ("a", "b", "c"), (28, 28, 1), "toy", metrics={"eval_top1": 0.5})


def test_a_model_of_the_table_comes_back_by_itself(tmp_path: Path) -> None:
    model = create_model(**LENET).eval()
    save(tmp_path / "best", model, info(LENET))
    loaded, found = load_checkpoint(tmp_path / "best")
    pictures = torch.randint(0, 256, (4, 1, 28, 28)).float()
    assert torch.equal(loaded(pictures), model(pictures)) and not loaded.training
    assert found == info(LENET)
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["best", "checkpoint.json", "model.safetensors"]


def test_a_module_of_the_callers_own_must_be_given(tmp_path: Path) -> None:
    model = nn.Linear(2, 3)
    save(tmp_path / "best", model, info())
    with pytest.raises(CheckpointError, match="pass one"):
        load_checkpoint(tmp_path / "best")
    loaded, _ = load_checkpoint(tmp_path / "best", nn.Linear(2, 3))
    assert torch.equal(loaded.weight, model.weight)
    with pytest.raises(CheckpointError, match="another model"):
        load_checkpoint(tmp_path / "best", nn.Linear(3, 3))
    with pytest.raises(CheckpointError, match="another model"):
        load_checkpoint(tmp_path / "best", nn.Conv2d(2, 3, 1))


def test_what_is_missing_or_damaged_is_said(tmp_path: Path) -> None:
    folder = tmp_path / "run" / "last"
    with pytest.raises(CheckpointError, match="no such checkpoint folder"):
        load_checkpoint(folder)
    save(folder, nn.Linear(2, 3), info(), {"position": {}})
    with pytest.raises(CheckpointError, match=r"hint: give .*last"):
        load_checkpoint(folder.parent)
    assert load_state(folder, nn.Linear(2, 3))[1] == {"position": {}}
    weights = (folder / "model.safetensors").read_bytes()
    (folder / "model.safetensors").write_bytes(weights[:-1] + bytes([weights[-1] ^ 1]))
    with pytest.raises(CheckpointError, match=r"model\.safetensors.*damaged"):
        load_checkpoint(folder, nn.Linear(2, 3))
    (folder / "model.safetensors").unlink()
    with pytest.raises(CheckpointError, match=r"incomplete: model\.safetensors is missing"):
        load_checkpoint(folder, nn.Linear(2, 3))
    with pytest.raises(CheckpointError, match="missing"):
        load_state(folder, nn.Linear(2, 3))


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda card: card.update(format=2), "format: got 2, expected 1"),
        (lambda card: card.pop("classes"), "incomplete"),
        (lambda card: card.pop("files"), "incomplete"),
        (lambda card: card.update(input_size=[28, 28]), "incomplete"),
    ],
)
def test_a_card_that_does_not_fit(tmp_path: Path, change: object, why: str) -> None:
    save(tmp_path / "best", nn.Linear(2, 3), info())
    card = json.loads((tmp_path / "best" / "checkpoint.json").read_text())
    change(card)  # type: ignore[operator]
    (tmp_path / "best" / "checkpoint.json").write_text(json.dumps(card))
    with pytest.raises(CheckpointError, match=why):
        load_checkpoint(tmp_path / "best", nn.Linear(2, 3))


def test_best_cannot_be_resumed_from(tmp_path: Path) -> None:
    save(tmp_path / "best", nn.Linear(2, 3), info())
    with pytest.raises(CheckpointError, match="RUN/last"):
        load_state(tmp_path / "best", nn.Linear(2, 3))


class Killed(BaseException):
    """Stands for the power cut at one instant."""


@pytest.mark.parametrize("instant", range(4))
def test_a_cut_at_any_rename_leaves_a_whole_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, instant: int
) -> None:
    folder, calls = tmp_path / "last", iter(range(100))
    write_folder(folder, {"checkpoint.json": b"old"})
    true_replace = os.replace

    def replace(source: Path, target: Path) -> None:
        number = next(calls)
        if number * 2 == instant:
            raise Killed  # before the rename
        true_replace(source, target)
        if number * 2 + 1 == instant:
            raise Killed  # after it

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", replace)
        with pytest.raises(Killed):
            write_folder(folder, {"checkpoint.json": b"new"})
    assert exists(folder)
    whole = folder if folder.exists() else old_name(folder)
    assert (whole / "checkpoint.json").read_bytes() == (b"new" if instant == 3 else b"old")
    write_folder(folder, {"checkpoint.json": b"newest"})
    assert (folder / "checkpoint.json").read_bytes() == b"newest"
    assert [path.name for path in tmp_path.iterdir()] == ["last"]


def test_a_full_disk_leaves_the_previous_checkpoint(tmp_path: Path) -> None:
    small, large = nn.Linear(2, 3), nn.Linear(200, 300)
    save(tmp_path / "last", small, info())
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, limits[1]))
    try:
        with pytest.raises(SaveError, match="what was saved before is untouched"):
            save(tmp_path / "last", large, info())
        with pytest.raises(SaveError):
            write_file(tmp_path / "last" / "checkpoint.json", bytes(60_000))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    loaded, _ = load_checkpoint(tmp_path / "last", nn.Linear(2, 3))
    assert torch.equal(loaded.weight, small.weight)
    assert [path.name for path in tmp_path.iterdir()] == ["last"]


def test_a_place_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(SaveError, match="cannot be written"):
        save(tmp_path / "file" / "last", nn.Linear(2, 3), info())
