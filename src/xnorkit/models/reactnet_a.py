"""ReActNet-A: MobileNet-v1 with both of its convolutions binary, and a shortcut around each.

Source: Liu et al. 2020 (ReActNet), sec. 4: 0.12e8 float and 4.82e9 binary multiply-adds; 69.4 %.

block     body(x) + shortcut -> nonlinearity, twice:
3x3       [sign] conv, of stride 2 where the channels double -> norm -> + x (there: its 2x2 means) -> nonlinearity
1x1       [sign] conv -> norm -> + x (where the channels double: x twice) -> nonlinearity

Where the channels double the source has two 1x1 convolutions on the same signs, each with the shortcut, and joins
them. One convolution of twice the filters is the same function with the same parameters.

Deviates: the shortcuts belong to the net, so ``shortcut`` and ``order`` of a scheme have no say; float and few-bit
layers take the place of binary ones in the same block.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ..nn.quantizers import ActivationQuantizer, WeightQuantizer
from ..nn.schemes import Scheme
from .maker import LayerMaker, layer_maker
from .sizes import check_sizes

STEM = 32
BLOCKS = (64, 128, 128, 256, 256, 512, 512, 512, 512, 512, 512, 1024, 1024)
"""Channels that leave each block; MobileNet-v1's. The first one doubles them without a stride."""
HALVED = {"imagenet": 32, "cifar": 16}


class Block(nn.Module):
    """``(N, C, H, W) -> (N, O, H / stride, W / stride)``, O being C or 2 C; see the table above."""

    def __init__(self, make: LayerMaker, channels: int, out: int, stride: int) -> None:
        super().__init__()
        self.conv3 = make.hidden_conv(channels, channels, 3, padding=1, stride=stride)
        self.norm3 = make.norm(channels)
        self.pool = nn.AvgPool2d(2) if stride == 2 else nn.Identity()
        self.act3 = make.nonlinearity(channels)
        self.conv1 = make.hidden_conv(channels, out, 1)
        self.norm1 = make.norm(out)
        self.act1 = make.nonlinearity(out)
        self.doubles = out == 2 * channels

    def forward(self, x: Tensor) -> Tensor:
        x = self.act3(self.norm3(self.conv3(x)) + self.pool(x))
        around = torch.cat([x, x], 1) if self.doubles else x
        y: Tensor = self.act1(self.norm1(self.conv1(x)) + around)
        return y


def reactnet_a(
    method: str | Scheme,
    num_classes: int,
    in_chans: int,
    *,
    input_size: int = 224,
    width: float = 1.0,
    stem: str = "imagenet",
    mean: Sequence[float] | float = 0.5,
    std: Sequence[float] | float = 0.5,
    weight: str | WeightQuantizer | None = None,
    activation: str | ActivationQuantizer | None = None,
) -> nn.Sequential:
    """3x3 stem, thirteen blocks of a 3x3 and a 1x1 convolution, the mean over the picture, float scores.

    width: multiplies all channel counts; 1 is the net of the paper.
    stem: its stride: 2 for ``imagenet``, 1 for ``cifar``.
    Raises RangeError unless width keeps at least 8 channels and for another stem, ShapeError unless the size is a
    multiple of 32 (``cifar``: 16).
    """
    check_sizes("reactnet_a", width=width, narrowest=STEM, stem=stem, halved=HALVED, input_size=input_size)
    make = layer_maker(method, weight, activation)
    first = channels = int(STEM * width)
    layers: list[tuple[str, nn.Module]] = [
        ("pixels", make.pixels(in_chans, mean, std)),
        ("stem", make.first_conv(in_chans, first, 3, padding=1, stride=2 if stem == "imagenet" else 1)),
        ("norm", make.norm(first)),
    ]  # fmt: skip
    for i, size in enumerate(BLOCKS):
        out = first * (size // STEM)
        layers.append((f"block{i + 1}", Block(make, channels, out, 2 if i and out > channels else 1)))
        channels = out
    layers += [("mean", nn.AdaptiveAvgPool2d(1)), ("flatten", nn.Flatten()),
               ("scores", make.last_linear(channels, num_classes, real=True))]  # fmt: skip
    return nn.Sequential(OrderedDict(layers))
