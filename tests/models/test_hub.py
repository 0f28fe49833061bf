"""Networks as repositories of the Hub: saved, loaded offline, described; what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from huggingface_hub import ModelCard
from torch import nn

import xnorkit as xk
from xnorkit.errors import CheckpointError, RangeError
from xnorkit.models.hub import CONFIG, WEIGHTS, HubModel


@pytest.fixture(autouse=True)
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test of this file may reach for the network."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)


@pytest.fixture
def saved(tmp_path: Path) -> tuple[HubModel, Path]:
    """A small network, its statistics moved off their start, and its folder."""
    torch.manual_seed(0)
    model = HubModel("vgg_small", "xnor[kmap=true]", num_classes=4, stages=[[8], [8]], input_size=12)
    model(torch.randint(0, 256, (8, 1, 12, 12)).float())
    model.save_pretrained(tmp_path / "net")
    return model.eval(), tmp_path / "net"


def test_a_folder_gives_the_same_network_back(saved: tuple[HubModel, Path]) -> None:
    model, folder = saved
    assert sorted(path.name for path in folder.iterdir()) == sorted(["README.md", CONFIG, WEIGHTS])
    loaded = HubModel.from_pretrained(folder)
    pictures = torch.randint(0, 256, (5, 1, 12, 12)).float()
    assert loaded.config == model.config and not loaded.training
    assert torch.equal(loaded(pictures), model(pictures))


def test_the_configuration_says_what_defaults_stood_for(tmp_path: Path) -> None:
    HubModel("birealnet18", input_size=32).save_pretrained(tmp_path)
    config = json.loads((tmp_path / CONFIG).read_text())
    assert config == xk.create_model("birealnet18", input_size=32).config and config["method"].startswith("bi-real")


def test_a_trained_network_is_wrapped_with_its_weights() -> None:
    network = xk.create_model("lenet5", "bnn").eval()
    model = HubModel.of(network)
    assert model.network is network and model.config == network.config and not model.training
    with pytest.raises(RangeError, match="create_model"):
        HubModel.of(nn.Linear(2, 2))


def test_the_card_says_how_to_load_and_pack(saved: tuple[HubModel, Path]) -> None:
    card = ModelCard.load(saved[1] / "README.md")
    assert card.data.library_name == "xnorkit" and "binary-neural-network" in card.data.tags
    assert "HubModel.from_pretrained" in card.text and "`xnor[kmap=true]`" in card.text
    count = sum(p.numel() for p in saved[0].parameters())
    assert f"{count:,} trained numbers" in card.text


def test_a_loaded_network_packs_and_verifies(saved: tuple[HubModel, Path], tmp_path: Path) -> None:
    loaded = HubModel.from_pretrained(saved[1])
    packed = tmp_path / "net.xnor.safetensors"
    xk.export(loaded, torch.zeros(1, 1, 12, 12), packed, input_dtype="u8")
    pictures = torch.randint(0, 256, (6, 12, 12, 1), dtype=torch.uint8).numpy()
    assert xk.verify(loaded, packed, pictures).ok


@pytest.mark.parametrize("name", [CONFIG, WEIGHTS])
def test_a_folder_with_a_file_missing_is_refused(saved: tuple[HubModel, Path], name: str) -> None:
    (saved[1] / name).unlink()
    with pytest.raises(CheckpointError, match=f"no {name}"):
        HubModel.from_pretrained(saved[1])


def test_files_of_two_networks_are_refused(saved: tuple[HubModel, Path]) -> None:
    config = json.loads((saved[1] / CONFIG).read_text())
    (saved[1] / CONFIG).write_text(json.dumps({**config, "stages": [[8], [16]]}))
    with pytest.raises(CheckpointError, match="size mismatch"):
        HubModel.from_pretrained(saved[1])
    (saved[1] / CONFIG).write_text(json.dumps({**config, "name": "no such net"}))
    with pytest.raises(CheckpointError, match="no such net"):
        HubModel.from_pretrained(saved[1])


def test_a_repository_that_cannot_be_reached_is_told() -> None:
    with pytest.raises(CheckpointError, match="nobody/nothing"):
        HubModel.from_pretrained("nobody/nothing", local_files_only=True)
