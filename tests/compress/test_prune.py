"""Pruning: which weights go, that they stay gone under every optimizer, and Optimal Brain Damage's curvature."""

from __future__ import annotations

import math
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F

from xnorkit.compress.curvature import diagonal
from xnorkit.compress.layers import float_layers
from xnorkit.compress.stages.prune import Prune, by_quality, global_masks, rank_mask, rescaled_dropout
from xnorkit.compress.stages.table import parse_stages
from xnorkit.compress.weights import Kept, hold, keep_zeros, settle
from xnorkit.errors import RangeError, RecipeError, UnsupportedError
from xnorkit.train.optim import make
from xnorkit.train.recipe import parse

NAMES = ("sgd", "adam", "adamw", "shift_adamax")


def dense(*sizes: int) -> nn.Sequential:
    torch.manual_seed(0)
    layers: list[nn.Module] = []
    for low, high in pairwise(sizes):
        layers += [nn.Linear(low, high), nn.ReLU()]
    return nn.Sequential(*layers[:-1])


@given(st.lists(st.floats(0, 9, width=32), min_size=1, max_size=50), st.floats(0, 0.9999))
def test_the_least_go_and_as_many_as_asked_for(sizes: list[float], sparsity: float) -> None:
    saliency = torch.tensor(sizes)
    mask = rank_mask(saliency, sparsity)
    gone, kept = saliency[mask == 0], saliency[mask == 1]
    assert len(gone) == math.floor(sparsity * len(sizes) + 1e-9)
    assert not len(gone) or not len(kept) or float(gone.max()) <= float(kept.min())


def test_quality_times_deviation_is_the_threshold() -> None:
    weight = torch.tensor([[3.0, -1.0, 0.5, 0.0], [-2.0, 1.5, -0.1, 0.0]])
    edge = 0.7 * float(weight[weight != 0].std(correction=0))
    mask = by_quality(weight, 0.7)
    assert torch.equal(mask, ((weight.abs() >= edge) & (weight != 0)).float()) and 0 < mask.sum() < 6


def test_global_masks_weigh_all_layers_alike() -> None:
    masks = global_masks({"a": torch.tensor([[1.0, 8.0]]), "b": torch.tensor([2.0, 9.0, 3.0])}, 0.6)
    assert masks["a"].tolist() == [[0, 1]] and masks["b"].tolist() == [0, 1, 0]


@pytest.mark.parametrize("name", NAMES)
def test_what_was_pruned_stays_zero_under_every_optimizer(name: str) -> None:
    model = dense(8, 16, 4)
    with torch.no_grad():
        model[0].weight[:, ::2] = 0
    keep_zeros(model)
    optim: dict[str, Any] = {"name": name, "lr": 0.05}
    optimizer = make(
        model, parse({"name": "t", "optim": optim | ({} if "shift" in name else {"weight_decay": 0.01})}).optim
    )
    before = model[0].weight.detach().clone()
    for _ in range(20):
        optimizer.zero_grad()
        F.cross_entropy(model(torch.randn(16, 8)), torch.randint(0, 4, (16,))).backward()
        optimizer.step()
        assert not model[0].weight[:, ::2].any()
    settle(model)
    assert type(model[0]) is nn.Linear and not model[0].weight[:, ::2].any()
    assert not torch.equal(model[0].weight[:, 1::2], before[:, 1::2])


def test_settled_weights_are_plain_parameters_of_the_same_values() -> None:
    layer = nn.Linear(5, 3)
    hold(layer, Kept(torch.ones(3, 5).tril()))
    held = layer.weight.detach().clone()
    settle(layer)
    assert list(dict(layer.named_parameters())) == ["weight", "bias"] and torch.equal(layer.weight, held)
    assert isinstance(layer.weight, nn.Parameter) and layer.weight.requires_grad


def test_dropout_shrinks_with_the_root_of_what_is_left_behind_it() -> None:
    first, second = nn.Dropout(0.5), nn.Dropout(0.2)
    model = nn.Sequential(nn.Linear(4, 4), first, nn.Linear(4, 4), nn.ReLU(), second, nn.Linear(4, 2))
    with rescaled_dropout(model, {"0": 0.9, "2": 0.25}):
        assert (first.p, second.p) == (0.25, 0.2)
    assert (first.p, second.p) == (0.5, 0.2)


def test_hutchinsons_diagonal_nears_the_hessians() -> None:
    torch.manual_seed(1)
    model = dense(3, 5, 2).double()
    images, labels = torch.randn(40, 3).double(), torch.randint(0, 2, (40,))
    weights = {path: layer.weight for path, layer in float_layers(model).items()}

    def loss(flat: torch.Tensor) -> torch.Tensor:
        hidden = torch.tanh(F.linear(images, flat.view(5, 3), model[0].bias))
        return F.cross_entropy(F.linear(hidden, model[2].weight, model[2].bias), labels)

    model[1] = nn.Tanh()
    exact = torch.autograd.functional.hessian(loss, model[0].weight.detach().reshape(-1)).diagonal()
    found = diagonal(model, weights, [(images, labels)], F.cross_entropy, draws=4000)["0"].reshape(-1)
    assert float((found - exact).abs().max()) < 0.1 * float(exact.abs().max())
    assert float(torch.corrcoef(torch.stack([found, exact]))[0, 1]) > 0.98


@pytest.mark.parametrize(
    "text",
    ["prune", "prune:0.9:quality=0.5", "prune:1", "prune:-0.1", "prune:0.9:scope=global:fc1=0.5", "prune:0.9:by=luck",
     "prune:quality=1:rounds=2", "prune:0.9:fc1=2", "prune:0.9:epochs=1.5", "prune:0.9:0.8", "prune:0.9:by=obd=3"],
)  # fmt: skip
def test_options_that_are_none_are_refused(text: str) -> None:
    with pytest.raises(RecipeError):
        parse_stages(text)


def test_layers_that_are_none_and_nets_without_float_layers_are_refused(tmp_path: Path) -> None:
    stage = parse_stages("prune:0.9:fc9=0.5")[0]
    assert isinstance(stage, Prune) and stage.layers == {"fc9": 0.5}
    with pytest.raises(RangeError, match="fc9"):
        stage.apply(dense(3, 2), None)  # type: ignore[arg-type]
    with pytest.raises(UnsupportedError, match="float weights"):
        float_layers(nn.Sequential(nn.ReLU()))
