"""NIN, CNV, AlexNet, ResNet-18: the counts of their papers, their blocks under each kind of scheme, packed equal."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from xnorkit.errors import RangeError, ShapeError
from xnorkit.export import export, verify
from xnorkit.models import create_model, summary
from xnorkit.models.table import MODELS
from xnorkit.nn import BinaryConv2d, BinaryLinear
from xnorkit.nn.schemes import SCHEMES

SMALL = {name: MODELS[name].small for name in ("nin", "cnv", "alexnet", "resnet18")}


def weights(model: nn.Module) -> int:
    """Numbers of convolutions and dense layers, biases left out."""
    return sum(m.weight.numel() for m in model.modules() if isinstance(m, (nn.Conv2d, nn.Linear)))


def pictures(model: nn.Module, count: int = 8) -> torch.Tensor:
    side = model.config["input_size"]
    return torch.randint(0, 256, (count, 3, side, side), generator=torch.Generator().manual_seed(1)).float()


@pytest.mark.parametrize(
    ("name", "size", "classes", "expected", "macs"),
    [("nin", 32, 10, 965_568, None), ("cnv", 32, 10, 1_542_848, None), ("binarynet", 32, 10, 14_022_016, None),
     ("alexnet", 224, 1000, 62_367_776, 1_135_256_096), ("resnet18", 224, 1000, 11_678_912, 1_814_073_344)],
)  # fmt: skip
def test_nets_have_the_counts_of_their_sources(
    name: str, size: int, classes: int, expected: int, macs: int | None
) -> None:
    """AlexNet's 62,378,344 parameters are these and 10,568 biases; ResNet-18's 11,689,512 (below) its norms, too."""
    with torch.device("meta"):
        model = create_model(name, "fp32", num_classes=classes, in_chans=3, input_size=size)
    assert weights(model) == expected
    if macs is not None:
        assert summary(model.to_empty(device="cpu"), (3, size, size)).macs() == macs


def test_float_resnet18_has_the_published_parameters() -> None:
    with torch.device("meta"):
        model = create_model("resnet18", "fp32", num_classes=1000, in_chans=3)
    assert sum(p.numel() for p in model.parameters()) == 11_689_512


EXTRA = ("bnn[first=planes,last=binary]", "xnor[order=cbap]", "xnor[nonlinearity=relu]", "xnor[kmap=true]")


COVERING = ("fp32", "xnor", "bwn", "bnn-shift", "dorefa", "ttq", "reactnet", "real-to-binary", "adabin", *EXTRA)
"""One of each kind: float, signs, codes, real weights, norms by shifts, gates, learned thresholds, orders, ends, K."""


@pytest.mark.parametrize(("name", "method"), [
    *(("cnv", method) for method in (*SCHEMES, *EXTRA)),
    *((name, method) for name in SMALL if name != "cnv" for method in COVERING),
])  # fmt: skip
def test_every_net_learns_under_every_scheme(name: str, method: str) -> None:
    """One step: gradients reach every parameter, and pictures can be told apart."""
    torch.manual_seed(0)
    options = {**SMALL[name], **({"dropout": 0.1} if name == "alexnet" else {})}
    model = create_model(name, method, in_chans=3, **options)
    scores = model(pictures(model))
    assert scores.shape == (8, 10) and scores.std(0).max() > 0
    nn.functional.cross_entropy(scores, torch.arange(8)).backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())
    idle = [n for n, p in model.named_parameters() if p.ndim >= 2 and not p.grad.any() and "gate" not in n]
    assert idle == []  # a gate of two hidden units may rest


def test_dropout_zeroes_signs_that_a_binary_layer_reads() -> None:
    torch.manual_seed(0)
    model = create_model("nin", "xnor", in_chans=3, **SMALL["nin"])
    seen: list[torch.Tensor] = []
    model.block2a.conv.register_forward_hook(lambda module, given, _: seen.append(given[0]))
    model(pictures(model))
    model.eval()(pictures(model))
    assert seen[0].unique().tolist() == [-2.0, 0.0, 2.0] and seen[1].unique().tolist() == [-1.0, 1.0]


def test_binary_scores_read_signs_of_both_kinds() -> None:
    """A rectified input would be +1 everywhere."""
    for name in ("alexnet", "resnet18"):
        torch.manual_seed(0)
        model = create_model(name, "bnn[first=planes,last=binary]", in_chans=3, **SMALL[name])
        seen: list[torch.Tensor] = []
        model.scores.register_forward_hook(lambda module, given, _, seen=seen: seen.append(given[0]))
        model(pictures(model))
        assert (seen[0] > 0).any() and (seen[0] < 0).any()


@pytest.mark.parametrize("method", ["xnor", "bi-real"])
@pytest.mark.parametrize("name", SMALL)
def test_packed_nets_equal_the_trained_ones(name: str, method: str, tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = create_model(name, method, in_chans=3, **SMALL[name])
    x = pictures(model)
    model(x)
    model.eval()
    report = export(model, x[:1], tmp_path / "net.xnor.safetensors", input_dtype="u8")
    hidden = sum(isinstance(m, (BinaryConv2d, BinaryLinear)) for m in model.modules())
    assert report.packed == hidden == {"nin": 7, "cnv": 7, "alexnet": 6, "resnet18": 16}[name]
    images = x.permute(0, 2, 3, 1).numpy().astype(np.uint8)
    verify(model, tmp_path / "net.xnor.safetensors", images).require()


def test_resnet_has_a_shortcut_around_one_convolution_or_two() -> None:
    bodies = {}
    for method in ("fp32", "xnor", "bi-real"):
        model = create_model("resnet18", method, in_chans=3, **SMALL["resnet18"])
        stages = [getattr(model, f"stage{i}") for i in range(1, 5)]
        bodies[method] = [sum(isinstance(m, nn.Conv2d) for m in block.body) for stage in stages for block in stage]
    assert bodies == {"fp32": [2] * 8, "xnor": [2] * 8, "bi-real": [1] * 16}


def test_a_shortcut_is_added() -> None:
    block = create_model("resnet18", "bi-real", in_chans=3, **SMALL["resnet18"]).stage1[0].eval()
    x = torch.randn(2, 16, 8, 8)
    torch.testing.assert_close(block(x), block.body.norm(block.body.conv(x)) + x)


def test_cifar_stem_keeps_the_size() -> None:
    model = create_model("resnet18", "xnor", in_chans=3, input_size=32, stem="cifar", width=0.25)
    assert model.stem(pictures(model)).shape[2:] == (32, 32)


@pytest.mark.parametrize("name", SMALL)
def test_refusals(name: str) -> None:
    with pytest.raises(RangeError, match="width"):
        create_model(name, width=0.01)
    with pytest.raises(ShapeError, match="input_size"):
        create_model(name, input_size=3)
    with pytest.raises(RangeError, match="stem"):
        create_model("resnet18", stem="mnist")
