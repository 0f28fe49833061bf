"""Numbers beside the weights: batch norms that become factors and addends, scales that share values."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from stripes import DATA, trained
from torch import nn

from xnorkit.compress import compress
from xnorkit.compress.scales import fix_norm, float_norms, scaled_layers, set_scales
from xnorkit.errors import RangeError, UnsupportedError
from xnorkit.graph import store
from xnorkit.models import create_model
from xnorkit.nn import BinaryConv2d, BinaryLinear
from xnorkit.nn.edits import apply_edits
from xnorkit.nn.layers import ChannelAffine
from xnorkit.train.checkpoint import load_checkpoint

QUICK: dict[str, Any] = {"data": DATA, "rounds": 1, "progress": "none", "pictures_verified": 50}
METHOD = "xnor[first=float, last=float]"


def lenet() -> nn.Module:
    torch.manual_seed(0)
    net = create_model("lenet5", method=METHOD, num_classes=3, in_chans=1, input_size=16)
    images = torch.randint(0, 256, (20, 1, 16, 16)).float()
    net.train()(images)
    return net.eval()


def test_norms_before_signs_are_thresholds_and_left_alone() -> None:
    assert float_norms(lenet(), torch.zeros(1, 1, 16, 16)) == ["norm3"]


@pytest.mark.parametrize("norm", [nn.BatchNorm1d(5), nn.BatchNorm1d(5, affine=False)], ids=str)
def test_a_fixed_norm_computes_what_the_norm_did(norm: nn.BatchNorm1d) -> None:
    net = nn.Sequential(copy.deepcopy(norm)).train()
    net(torch.randn(64, 5) * 3 + 1)
    x = torch.randn(7, 5)
    before = net.eval()(x)
    fix_norm(net, "0")
    assert isinstance(net[0], ChannelAffine)
    assert torch.allclose(net.train()(x), before, atol=1e-6)


def test_only_batch_norms_with_statistics_become_affine() -> None:
    with pytest.raises(RangeError, match="no batch norm"):
        apply_edits(nn.Sequential(nn.Linear(2, 2)), [{"layer": "0", "edit": "affine"}])
    with pytest.raises(UnsupportedError, match="running"):
        fix_norm(nn.Sequential(nn.BatchNorm1d(2, track_running_stats=False)), "0")


@pytest.mark.parametrize("weight", ["xnor", "bi-real", "dorefa"])
@pytest.mark.parametrize("fan_in", [1, 27, 800, 4608])
def test_scales_are_set_exactly_and_signs_stay(weight: str, fan_in: int) -> None:
    torch.manual_seed(fan_in)
    layer = BinaryLinear(fan_in, 40, weight=weight)
    signs, scales = layer.quantized_weight()
    one = scales.mean().expand(40) if weight == "dorefa" else torch.tensor([0.3, 0.7]).repeat(20)
    set_scales(layer, "fc", one)
    again, found = layer.quantized_weight()
    assert torch.equal(again, signs) and torch.equal(found, one.bfloat16().float())


def test_scales_that_are_learned_are_refused() -> None:
    layer = BinaryConv2d(4, 8, 3, weight="xnor++")
    with pytest.raises(UnsupportedError, match=r"conv1.*xnor|XnorPlus"):
        set_scales(layer, "conv1", torch.rand(8))


def test_layers_without_scales_have_none_to_share() -> None:
    assert list(scaled_layers(nn.Sequential(BinaryLinear(4, 3), BinaryLinear(3, 2, weight="sign")))) == ["0"]


def test_a_binary_nets_numbers_shrink_with_it(tmp_path: Path) -> None:
    """Sixteen scales, factors and addends are left in the file; net and file agree, a checkpoint is trained further."""
    checkpoint = trained(tmp_path / "run", METHOD)
    plain = compress(checkpoint, "share:4:biases=4:epochs=1", tmp_path / "plain", **QUICK)
    report = compress(checkpoint, "share:4:biases=4:norms=4:scales=4:epochs=1", tmp_path / "few", **QUICK)
    assert report.verified.mismatches == 0 and report.verified.ok
    graph = store.load(tmp_path / "few" / "net.xnor.safetensors")
    for key in ("fc1.scale.scale", "norm3.scale", "norm3.bias", "fc2.bias"):
        assert len(np.unique(graph.array(key))) <= 16
    assert report.rows[-1]["bytes"] < plain.rows[-1]["bytes"] - 3 * 500 * 4 // 2
    model, _ = load_checkpoint(tmp_path / "few" / "1-share" / "checkpoint")
    assert all(p.requires_grad for p in model.parameters()) and isinstance(model.norm3, ChannelAffine)
    again = compress(tmp_path / "few" / "1-share" / "checkpoint", "prune:0.5:epochs=1", tmp_path / "more", **QUICK)
    assert again.verified.mismatches == 0


def test_one_scale_for_all_filters(tmp_path: Path) -> None:
    report = compress(trained(tmp_path / "run", METHOD), "share:4:scales=0:epochs=0", tmp_path / "one", **QUICK)
    graph = store.load(tmp_path / "one" / "net.xnor.safetensors")
    assert len(np.unique(graph.array("fc1.scale.scale"))) == 1 and report.verified.mismatches == 0
