"""The classical nets: parameters and multiply-adds as published, every kind of scheme, packed equal."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import xnorkit as xk
from xnorkit.errors import RangeError, ShapeError
from xnorkit.models import create_model, summary
from xnorkit.models.resnet import ZeroChannels
from xnorkit.models.table import MODELS
from xnorkit.nn import BinaryConv2d, BinaryLinear, FewBitConv2d, FewBitLinear

PUBLISHED: list[tuple[str, dict[str, Any], int, int]] = [
    ("lenet_300_100", {}, 266_610, 266_200),
    ("lenet5", {}, 431_080, 2_293_000),
    ("shallow", {}, 300_410, 298_400),
    ("shallow", {"bottleneck": 0}, 1_590_010, 1_588_000),
    ("lenet5_1998", {}, 61_706, 416_520),
    ("alexnet_torchvision", {}, 61_100_840, 714_188_480),
    ("alexnet_caffe", {}, 60_965_224, 724_406_816),
    ("zfnet", {}, 62_357_608, 1_168_032_896),
    ("vgg11", {}, 132_863_336, 7_609_090_048),
    ("vgg13", {}, 133_047_848, 11_308_466_176),
    ("vgg16", {}, 138_357_544, 15_470_264_320),
    ("vgg19", {}, 143_667_240, 19_632_062_464),
    ("googlenet", {}, 6_624_904, 1_498_376_192),
    ("googlenet", {"large": 5, "norm": False}, 6_998_552, 1_582_671_872),
    ("resnet18", {}, 11_689_512, 1_814_073_344),
    ("resnet34", {}, 21_797_672, 3_663_761_408),
    ("resnet50", {}, 25_557_032, 4_089_184_256),
]
"""Net, options, parameters and multiply-adds of its float form; of torchvision's metadata where it has the net."""
NEW = ("lenet5_1998", "sfc", "shallow", "alexnet_torchvision", "alexnet_caffe", "zfnet", "vgg11", "googlenet",
       "googlenet_straight", "resnet34", "resnet50")  # fmt: skip
FEW_BIT = (BinaryConv2d, BinaryLinear, FewBitConv2d, FewBitLinear)
SPECS = ("fp32", "bwn", "xnor", "xnor[order=cbap]", "bnn[first=planes, last=binary]", "dorefa", "reactnet")


def small(name: str, method: str, **options: Any) -> nn.Module:
    row = MODELS[name]
    torch.manual_seed(0)
    return create_model(name, method, in_chans=row.in_chans, **{**row.options, **row.small, **options})


def pictures(model: nn.Module, count: int = 6) -> np.ndarray:
    side, channels = model.config["input_size"], model.config["in_chans"]
    return np.random.default_rng(0).integers(0, 256, (count, side, side, channels), dtype=np.uint8)


@pytest.mark.parametrize(("name", "options", "parameters", "macs"), PUBLISHED)
def test_float_nets_have_the_published_counts(name: str, options: dict[str, Any], parameters: int, macs: int) -> None:
    row = MODELS[name]
    classes = 10 if row.in_chans == 1 else 1000
    with torch.device("meta"):
        model = create_model(name, "fp32", num_classes=classes, in_chans=row.in_chans, **options)
    assert sum(parameter.numel() for parameter in model.parameters()) == parameters
    assert counted(model) == macs


def counted(model: nn.Module) -> int:
    """Multiply-adds by the shapes that a run on the meta device has: nothing is computed."""
    found = 0

    def count(module: nn.Module, given: tuple[torch.Tensor, ...], out: torch.Tensor) -> None:
        nonlocal found
        found += out.numel() * module.weight[0].numel()

    layers = [m for m in model.modules() if isinstance(m, (nn.Conv2d, nn.Linear))]
    hooks = [layer.register_forward_hook(count) for layer in layers]
    side, channels = model.config["input_size"], model.config["in_chans"]
    model.eval()(torch.zeros(1, channels, side, side, device="meta"))
    for hook in hooks:
        hook.remove()
    return found


def test_the_summary_counts_the_same() -> None:
    for name in ("lenet5_1998", "googlenet"):
        model = small(name, "fp32")
        side, channels = model.config["input_size"], model.config["in_chans"]
        assert summary(model, (channels, side, side)).macs() == counted(model.to("meta"))


@pytest.mark.parametrize("method", SPECS)
@pytest.mark.parametrize("name", NEW)
def test_nets_learn_under_every_kind_of_scheme(name: str, method: str) -> None:
    model = small(name, method)
    scores = model(torch.from_numpy(pictures(model)).permute(0, 3, 1, 2).float())
    assert scores.shape == (6, 10)
    nn.functional.cross_entropy(scores, torch.arange(6)).backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())


@pytest.mark.parametrize(("name", "method"), zip(NEW, [*SPECS[1:], *SPECS[1:]], strict=False))
def test_nets_come_out_packed_and_equal(name: str, method: str) -> None:
    """A scheme each; all of them are `make parity`."""
    model = small(name, method)
    report = xk.rehearse(model, pictures(model), input_dtype="u8")
    assert report.ok and report.integers[1] == 0, report.verify.first_difference
    assert report.export.packed == sum(isinstance(m, FEW_BIT) for m in model.modules())


def test_two_groups_stay_two_groups() -> None:
    convs = [m for m in small("alexnet_caffe", "xnor").modules() if isinstance(m, nn.Conv2d)]
    assert [conv.groups for conv in convs] == [1, 2, 1, 2, 2]


def test_a_shortcut_of_zeros_picks_pixels_and_appends_channels() -> None:
    x = torch.arange(32.0).reshape(1, 2, 4, 4)
    y = ZeroChannels(2, 4, 2)(x)
    assert torch.equal(y[:, :2], x[:, :, ::2, ::2]) and not y[:, 2:].any() and y.shape == (1, 4, 2, 2)


def test_shortcuts_of_zeros_have_no_weights_and_pack() -> None:
    model = small("resnet18", "xnor", shortcut="A")
    assert not any("shortcut" in key for key, _ in model.named_parameters())
    assert xk.rehearse(model, pictures(model), input_dtype="u8").ok


def test_blocks_without_branches_have_their_weights() -> None:
    with torch.device("meta"):
        nets = [create_model(name, "fp32", 1000, 3) for name in ("googlenet", "googlenet_straight")]
    sizes = [sum(p.numel() for p in net.parameters() if p.ndim > 1) for net in nets]
    assert abs(sizes[0] - sizes[1]) < 0.001 * sizes[0]


@pytest.mark.parametrize(("name", "option", "value"), [("alexnet", "layout", "tf"), ("vgg16", "depth", 12),
                                                       ("resnet18", "depth", 20), ("resnet18", "shortcut", "C"),
                                                       ("googlenet", "large", 4), ("sfc", "neurons", 2)])  # fmt: skip
def test_unknown_options_are_refused(name: str, option: str, value: object) -> None:
    with pytest.raises(RangeError, match=option):
        create_model(name, in_chans=3, **{option: value})


@pytest.mark.parametrize(("name", "size"), [("zfnet", 20), ("vgg11", 16), ("googlenet", 16), ("lenet5_1998", 34)])
def test_pictures_that_do_not_fit_are_refused(name: str, size: int) -> None:
    with pytest.raises(ShapeError, match="input_size"):
        create_model(name, in_chans=3, input_size=size)
