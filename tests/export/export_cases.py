"""Models for the export tests, one row each: what a user may write, and whether all values are exact."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from xnorkit.nn import (
    BinaryActivation,
    BinaryConv2d,
    BinaryLinear,
    Int8Conv2d,
    Int8Linear,
    Pixels,
    ShiftBatchNorm1d,
    ShiftBatchNorm2d,
)


@dataclass(frozen=True)
class Case:
    """``build`` makes the model, ``shape`` is (C, H, W), ``exact``: logits equal bit for bit."""

    name: str
    build: Callable[[], nn.Module]
    shape: tuple[int, int, int]
    exact: bool


def lenet() -> nn.Module:
    return nn.Sequential(
        Int8Conv2d(1, 6, 5), nn.MaxPool2d(2), nn.BatchNorm2d(6), BinaryConv2d(6, 11, 3), nn.MaxPool2d(2),
        nn.BatchNorm2d(11), nn.Flatten(), BinaryLinear(11 * 5 * 5, 30), nn.BatchNorm1d(30),
        Int8Linear(30, 10, activation="sign"))  # fmt: skip


def conv_before_norm() -> nn.Module:
    """C-B-A-P order with ReLU: maxima behind falling channels."""
    return nn.Sequential(
        Int8Conv2d(3, 16, 3, padding=1, stride=2), nn.BatchNorm2d(16), nn.ReLU(), nn.BatchNorm2d(16),
        BinaryActivation(), nn.MaxPool2d(3, 2, 1), BinaryConv2d(16, 24, 3, padding=1, activation=None),
        nn.BatchNorm2d(24), nn.MaxPool2d(2, ceil_mode=True), nn.Flatten(),
        Int8Linear(24 * 4 * 3, 7, activation="sign"))  # fmt: skip


def geometry() -> nn.Module:
    """Padding by -1, 0 and +1, dilation, groups, strides, non-square kernels, flatten before a batch norm."""
    return nn.Sequential(
        Int8Conv2d(2, 12, (3, 5), padding=(1, 2)), nn.BatchNorm2d(12),
        BinaryConv2d(12, 18, 3, padding=1, groups=3, pad_value=-1), nn.BatchNorm2d(18),
        BinaryConv2d(18, 10, (1, 3), padding=(0, 2), dilation=(1, 2), pad_value=1, weight="sign"), nn.BatchNorm2d(10),
        BinaryConv2d(10, 10, 3, padding=1, stride=2, bias=True), nn.MaxPool2d(2), nn.Flatten(), nn.BatchNorm1d(90),
        BinaryLinear(90, 5, bias=True))  # fmt: skip


class Residual(nn.Module):
    """Bi-Real's shape: each binary convolution has its own shortcut, so signs stay on floats."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(1, 16, 3, padding=1, bias=False)
        self.norm0 = nn.BatchNorm2d(16)
        self.conv1, self.norm1 = BinaryConv2d(16, 16, 3, padding=1), nn.BatchNorm2d(16)
        self.conv2, self.norm2 = BinaryConv2d(16, 16, 3, padding=1, pad_value=1), nn.BatchNorm2d(16)
        self.act = nn.PReLU(16)
        self.head = nn.Linear(16, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = self.norm0(self.stem(x * (1 / 255)))
        x = self.act(x + self.norm1(self.conv1(x)))
        x = F.relu(x + self.norm2(self.conv2(x)))
        return self.head(F.adaptive_avg_pool2d(x, 1).flatten(1))


def plain_float() -> nn.Module:
    """No binary layer at all: still exports, as float32."""
    return nn.Sequential(
        Pixels([0.3], [0.4]), nn.Conv2d(1, 8, 5, stride=2), nn.BatchNorm2d(8), nn.Hardtanh(), nn.AvgPool2d(2),
        nn.Conv2d(8, 12, (3, 4), padding="same", groups=2), nn.Tanh(), nn.Dropout(0.3), nn.Flatten(),
        nn.Linear(12 * 6 * 6, 20), nn.Sigmoid(), nn.Linear(20, 10))  # fmt: skip


def magnitudes() -> nn.Module:
    """XNOR-Net's blocks with K: normalise, binarize, convolve, scale by K and alpha; dilation, stride and a bias."""
    return nn.Sequential(
        Pixels([0.4], [0.3]), nn.Conv2d(1, 20, 3), BinaryConv2d(20, 24, 3, padding=1, kmap=True), nn.BatchNorm2d(24),
        BinaryConv2d(24, 18, (3, 2), stride=2, padding=(2, 1), dilation=(2, 1), bias=True, kmap=True), nn.ReLU(),
        nn.Flatten(), nn.Linear(18 * 5 * 6, 10))  # fmt: skip


def shifted() -> nn.Module:
    """BNN's Torch nets: batch norm by shifts before and behind pools and a flatten."""
    return nn.Sequential(
        Int8Conv2d(3, 16, 3, padding=1), nn.MaxPool2d(2), ShiftBatchNorm2d(16),
        BinaryConv2d(16, 24, 3, padding=1, weight="sign", activation="stochastic-sign"), ShiftBatchNorm2d(24),
        BinaryActivation("stochastic-sign"), nn.MaxPool2d(2), BinaryConv2d(24, 10, 3, activation=None, weight="sign"),
        nn.Flatten(), ShiftBatchNorm1d(90, form="paper"), BinaryLinear(90, 40, weight="sign"), ShiftBatchNorm1d(40),
        BinaryLinear(40, 7, weight="sign"), ShiftBatchNorm1d(7))  # fmt: skip


class Vectors(nn.Module):
    """A net of vectors: int8 on pixels, then binary dense layers; the input has no height or width."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Flatten(), Int8Linear(49, 33, input_scale=1 / 255, bias=False), nn.BatchNorm1d(33), BinaryLinear(33, 20),
            nn.BatchNorm1d(20), BinaryLinear(20, 10), nn.BatchNorm1d(10))  # fmt: skip

    def forward(self, x: Tensor) -> Tensor:
        return self.body(x)


CASES = (
    Case("lenet", lenet, (1, 28, 28), True),
    Case("conv_before_norm", conv_before_norm, (3, 30, 21), True),
    Case("geometry", geometry, (2, 11, 11), False),
    Case("residual", Residual, (1, 12, 12), False),
    Case("plain_float", plain_float, (1, 28, 28), False),
    Case("magnitudes", magnitudes, (1, 12, 12), False),
    Case("shifted", shifted, (3, 20, 20), False),
    Case("vectors", Vectors, (1, 7, 7), False),
)


def randomized(case: Case, seed: int) -> nn.Module:
    """The case's model with random weights and batch-norm statistics, negative and zero gammas included."""
    generator = torch.Generator().manual_seed(seed)
    torch.manual_seed(seed)
    model = case.build()
    for module in model.modules():
        if isinstance(module, (nn.BatchNorm1d, nn.BatchNorm2d, ShiftBatchNorm1d, ShiftBatchNorm2d)):
            count = module.num_features
            with torch.no_grad():
                zero = torch.rand(count, generator=generator) < 0.1
                module.weight.copy_(torch.randn(count, generator=generator).masked_fill(zero, 0.0))
                module.bias.copy_(torch.randn(count, generator=generator))
                module.running_mean.copy_(torch.randn(count, generator=generator))  # type: ignore[union-attr]
                spread = torch.rand(count, generator=generator) * 3 + 0.05
                getattr(module, "running_var", getattr(module, "running_istd", None)).copy_(spread)
    return model
