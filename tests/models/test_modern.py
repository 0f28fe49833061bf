"""Nets designed to be binary: the counts their authors published, their blocks by formula, packed equal."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import xnorkit as xk
from xnorkit.errors import RangeError, ShapeError
from xnorkit.models import MODELS, create_model, summary
from xnorkit.nn import BinaryConv2d, BinaryLinear

MODERN = (
    "birealnet18",
    "reactnet18",
    "binary_resnet_e18",
    "reactnet_a",
    "binary_densenet28",
    "meliusnet22",
    "quicknet_small",
    "quicknet",
    "quicknet_large",
)
ZOO = {
    "birealnet18": (11_699_112, 4.03),
    "binary_resnet_e18": (11_699_368, 4.03),
    "binary_densenet28": (5_150_504, 4.12),
    "meliusnet22": (6_944_584, 3.88),
    "quicknet_small": (12_655_688, 4.00),
    "quicknet": (13_234_088, 4.17),
    "quicknet_large": (23_342_248, 5.40),
}
"""larq-zoo's published numbers and MiB, binary weights at one bit, all else at 32."""


def small(name: str, method: str | None = None) -> nn.Module:
    torch.manual_seed(0)
    row = MODELS[name]
    return create_model(name, method, in_chans=3, **{**row.options, **row.small})


def pictures(model: nn.Module, count: int = 8) -> Tensor:
    side = model.config["input_size"]
    return torch.randint(0, 256, (count, 3, side, side), generator=torch.Generator().manual_seed(1)).float()


def full(name: str) -> nn.Module:
    with torch.device("meta"):
        return create_model(name, num_classes=1000, in_chans=3)


def hidden(model: nn.Module) -> int:
    return sum(m.weight.numel() for m in model.modules() if isinstance(m, (BinaryConv2d, BinaryLinear)))


def published_count(model: nn.Module, name: str) -> int:
    """As larq-zoo counts: parameters, QuickNet's fixed windows, and two numbers a channel for each batch norm.

    The older figures of the first three have the running statistics, too; ``pixels`` is no part of the nets.
    """
    count = sum(p.numel() for p in model.parameters()) + sum(
        buffer.numel() for key, buffer in model.named_buffers() if key.endswith("window")
    )
    norms = [m for m in model.modules() if isinstance(m, nn.BatchNorm2d)]
    if name in ("birealnet18", "binary_resnet_e18", "binary_densenet28"):
        return count + sum(2 * m.num_features for m in norms)
    return count + sum(2 * m.num_features for m in norms if not m.affine)


@pytest.mark.parametrize("name", ZOO)
def test_nets_have_the_counts_and_sizes_of_larq_zoo(name: str) -> None:
    model = full(name)
    count, mebibytes = ZOO[name]
    assert published_count(model, name) == count
    packed = hidden(model) / 8 + 4 * (count - hidden(model))
    assert round(packed / 2**20, 2) == mebibytes


@pytest.mark.parametrize(
    ("name", "params", "mbit", "operations"),
    [("birealnet18", 11_689_512, 33.6, 1.63e8), ("birealnet34", 21_797_672, 43.7, 1.93e8)],
)
def test_bi_real_nets_have_the_parameters_of_resnets_and_the_sizes_of_the_paper(
    name: str, params: int, mbit: float, operations: float
) -> None:
    """Memory and operations (64 binary ones count as one) of Liu et al. 2018, within 1 %."""
    model = full(name)
    assert sum(p.numel() for p in model.parameters()) == params
    assert (hidden(model) + 32 * (params - hidden(model))) / 1e6 == pytest.approx(mbit, rel=0.01)
    total = summary(model.to_empty(device="cpu"), (3, 224, 224))
    assert total.macs("binary") / 64 + total.macs("float") == pytest.approx(operations, rel=0.01)


def test_reactnet18_adds_thresholds_and_rprelus() -> None:
    convolutions = [m for m in full("reactnet18").modules() if isinstance(m, BinaryConv2d)]
    extra = sum(m.in_channels + 3 * m.out_channels for m in convolutions)
    assert sum(p.numel() for p in full("reactnet18").parameters()) == 11_689_512 + extra
    assert len(convolutions) == 16


def test_reactnet_a_has_the_parameters_and_operations_of_the_paper() -> None:
    """Weights by the widths of MobileNet-v1; 4.82e9 binary and 0.12e8 float multiply-adds."""
    model = full("reactnet_a")
    widths = [32, 64, 128, 128, 256, 256, 512, 512, 512, 512, 512, 512, 1024, 1024]
    weights = sum(9 * c * c + c * o for c, o in itertools.pairwise(widths))
    assert hidden(model) == weights
    halves = [size for c, o in itertools.pairwise(widths) for size in (c, o)]
    thresholds = sum(2 * c for c in widths[:-1])
    extra = thresholds + sum(5 * size for size in halves)  # gamma and beta of a norm; gamma, slope, zeta of an RPReLU
    assert sum(p.numel() for p in model.parameters()) == weights + extra + 27 * 32 + 2 * 32 + 1025 * 1000
    total = summary(model.to_empty(device="cpu"), (3, 224, 224))
    assert total.macs("binary") == pytest.approx(4.82e9, rel=0.01)
    assert total.macs("float") == pytest.approx(0.12e8, rel=0.02)


@pytest.mark.parametrize("name", MODERN)
def test_the_scheme_of_the_paper_is_taken_unless_told_another(name: str) -> None:
    assert small(name).config["method"] == MODELS[name].method != "xnor"
    assert small(name, "xnor").config["method"] == "xnor"


@pytest.mark.parametrize("method", [None, "fp32", "xnor[kmap=true]", "real-to-binary", "reactnet", "dorefa", "adabin",
                                    "bnn-shift"])  # fmt: skip
@pytest.mark.parametrize("name", ["binary_resnet_e18", "reactnet_a", "binary_densenet28", "meliusnet22", "quicknet"])
def test_every_net_learns_under_schemes_of_every_kind(name: str, method: str | None) -> None:
    """One step: gradients reach every parameter, and pictures can be told apart."""
    model = small(name, method)
    scores = model(pictures(model))
    assert scores.shape == (8, 10) and scores.std(0).max() > 0
    F.cross_entropy(scores, torch.arange(8)).backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())
    idle = [n for n, p in model.named_parameters() if p.ndim >= 2 and not p.grad.any() and "gate" not in n]
    assert idle == []


@pytest.mark.parametrize(("name", "method"), [*((name, None) for name in MODERN[:-1]), ("quicknet", "xnor")])
def test_packed_nets_equal_the_trained_ones(name: str, method: str | None) -> None:
    """Made-up numbers, gammas of both signs and zeros: every hidden convolution is packed, no integer differs."""
    model = small(name, method)
    report = xk.rehearse(model, pictures(model).permute(0, 2, 3, 1).numpy().astype(np.uint8), input_dtype="u8")
    assert report.ok and report.verify.mismatches == 0
    convolutions = sum(isinstance(m, (BinaryConv2d, BinaryLinear)) for m in model.modules())
    compared, different = report.integers
    assert report.export.packed == convolutions > 15 and compared > 10_000 and different == 0


@pytest.mark.parametrize("method", ["bi-real", "xnor", "fp32"])
def test_bi_real_has_a_shortcut_around_every_convolution(method: str) -> None:
    block = small("birealnet18", method).stage2[0].eval()
    x = torch.randn(2, 8, 8, 8)
    with torch.no_grad():
        around = block.shortcut.norm(block.shortcut.conv(F.avg_pool2d(x, 2)))
        torch.testing.assert_close(block(x), block.after(block.body(x) + around))
    assert [sum(isinstance(m, nn.Conv2d) for m in one.body) for one in small("birealnet18", method).stage2] == [1] * 4


def test_reactnet_doubles_channels_as_two_convolutions_on_the_same_signs() -> None:
    block = small("reactnet_a").block2.eval()
    x = torch.randn(2, 16, 8, 8)
    with torch.no_grad():
        half = block.act3(block.norm3(block.conv3(x)) + F.avg_pool2d(x, 2))
        sums = block.norm1(block.conv1(half))
        first, second = sums[:, :16] + half, sums[:, 16:] + half
        torch.testing.assert_close(block(x), block.act1(torch.cat([first, second], 1)))


def test_improvement_is_added_onto_the_newest_channels() -> None:
    pair = small("meliusnet22").stage1[0].eval()
    x = torch.randn(2, 16, 8, 8)
    with torch.no_grad():
        joined = torch.cat([x, pair.dense(x)], 1)
        expected = joined.clone()
        expected[:, 16:] += pair.improvement(joined)
        torch.testing.assert_close(pair(x), expected)


def test_quicknet_reads_plus_one_around_the_picture() -> None:
    block = small("quicknet").section1[0].eval()
    x = torch.randn(1, 8, 5, 5)
    with torch.no_grad():
        signs = F.pad(torch.where(x < 0, -1.0, 1.0), (1, 1, 1, 1), value=1.0)
        sums = F.conv2d(signs, torch.where(block.conv.weight < 0, -1.0, 1.0))
        torch.testing.assert_close(block(x), block.norm(sums.relu()) + x)
    assert small("quicknet", "xnor[kmap=true]").section1[0].conv.pad_value == 0


@pytest.mark.parametrize("name", ["birealnet18", "binary_resnet_e18", "reactnet_a", "binary_densenet28", "meliusnet22",
                                  "quicknet"])  # fmt: skip
def test_cifar_stems_and_refusals(name: str) -> None:
    options = {**MODELS[name].small, "stem": "cifar", "input_size": 16}
    assert create_model(name, in_chans=3, **options)(torch.zeros(2, 3, 16, 16)).shape == (2, 10)
    with pytest.raises(RangeError, match="width"):
        create_model(name, width=0.01)
    with pytest.raises(RangeError, match="stem"):
        create_model(name, stem="mnist")
    with pytest.raises(ShapeError, match="input_size"):
        create_model(name, input_size=33)


def test_more_refusals() -> None:
    with pytest.raises(RangeError, match=r"multiple of 0\.25"):
        create_model("meliusnet22", width=0.3)
    for name in ("quicknet", "birealnet34"):
        with pytest.raises(RangeError, match="four positive"):
            create_model(name, blocks=(1, 2, 3))
    with pytest.raises(RangeError, match="multiple of 4"):
        create_model("quicknet", filters=(9, 16, 16, 16))
