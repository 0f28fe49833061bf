"""VGG-Small: 3x3 convolutions in stages, one dense layer; the net on which binary schemes are compared.

Source: the CIFAR-10 net of LQ-Nets (Zhang et al. 2018) and IR-Net (Qin et al. 2020): BinaryNet's convolutions with one
dense layer, (2x128C3)-MP2-(2x256C3)-MP2-(2x512C3)-MP2-classes. Deviates: widths are an option, the scores may read the
mean over the picture, and each scheme builds its own blocks.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn

from ..errors import RangeError, ShapeError
from ..nn.quantizers import ActivationQuantizer, WeightQuantizer
from ..nn.quantizers.base import check_choice
from ..nn.schemes import Scheme
from .maker import LayerMaker, layer_maker

STAGES = ((128, 128), (256, 256), (512, 512))


class Block(nn.Module):
    """A hidden 3x3 convolution with its batch norm, pool, nonlinearity and shortcut: ``(N, C, H, W) -> (N, O, ., .)``.

    bacp      [sign] conv -> (pool) -> norm -> nonlinearity: the sign of the next block's convolution follows
    cbap      conv -> norm -> activation -> (pool): the next block reads pooled activations
    shortcut  [sign] conv -> norm -> + x -> nonlinearity -> (pool); x stands twice where the channels double, and is
              left out where they change otherwise
    """

    def __init__(self, make: LayerMaker, channels: int, out: int, pool: bool) -> None:
        super().__init__()
        scheme = make.scheme
        self.copies = out // channels if scheme.shortcut and out in (channels, 2 * channels) else 0
        late = scheme.order == "cbap"
        self.conv = make.hidden_conv(channels, out, 3, padding=1, signed=late and scheme.signed)
        self.norm = make.norm(out)
        self.act = make.activation(out) if late else make.nonlinearity(out)
        self.pool = nn.MaxPool2d(2) if pool else nn.Identity()
        self.pools_first = not (late or scheme.shortcut)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.conv(x)
        if self.pools_first:
            y = self.pool(y)
        y = self.norm(y)
        if self.copies:
            y = y + (torch.cat([x, x], 1) if self.copies == 2 else x)
        y = self.act(y)
        return y if self.pools_first else self.pool(y)


class VGGSmall(nn.Module):
    """pixels -> first convolution -> blocks -> (mean) -> flatten -> scores; see ``vgg_small``."""

    def __init__(self, make: LayerMaker, stages: Sequence[Sequence[int]], num_classes: int, in_chans: int, side: int,
                 mean: Sequence[float] | float, std: Sequence[float] | float, head: str) -> None:  # fmt: skip
        super().__init__()
        scheme, first = make.scheme, int(stages[0][0])
        late = scheme.order == "cbap"
        self.pixels = make.pixels(in_chans, mean, std)
        self.stem = make.first_conv(in_chans, first, 3, padding=1)
        pool = nn.MaxPool2d(2) if len(stages[0]) == 1 else nn.Identity()
        act = make.activation(first) if late else make.nonlinearity(first)
        parts = [make.norm(first), act, pool] if late else [pool, make.norm(first), act]
        self.stem_rest = nn.Sequential(*parts)
        blocks, channels = [], first
        for i, stage in enumerate(stages):
            for j, out in enumerate(stage):
                if i or j:
                    blocks.append(Block(make, channels, int(out), pool=j == len(stage) - 1))
                    channels = int(out)
        self.blocks = nn.Sequential(*blocks)
        self.mean = nn.AdaptiveAvgPool2d(1) if head == "mean" else nn.Identity()
        self.flatten = nn.Flatten()
        self.head = make.last_linear(channels * (1 if head == "mean" else side * side), num_classes)

    def forward(self, x: Tensor) -> Tensor:
        y = self.stem_rest(self.stem(self.pixels(x)))
        scores: Tensor = self.head(self.flatten(self.mean(self.blocks(y))))
        return scores


def vgg_small(
    method: str | Scheme,
    num_classes: int,
    in_chans: int,
    *,
    input_size: int = 32,
    stages: Sequence[Sequence[int]] = STAGES,
    head: Literal["flatten", "mean"] = "flatten",
    mean: Sequence[float] | float = 0.5,
    std: Sequence[float] | float = 0.5,
    weight: str | WeightQuantizer | None = None,
    activation: str | ActivationQuantizer | None = None,
) -> VGGSmall:
    """Stages of 3x3 convolutions (padding 1), each ended by a 2x2 max-pool, then the scores.

    stages: channels of each convolution, a list a stage; the default is the CIFAR-10 net.
    head: what the scores read: all of the last map, or the ``mean`` of each channel, which takes fewer weights.
    Raises RangeError for an empty stage, channel counts below 1 or another head, ShapeError for images the pools do not
    fit.
    """
    if not stages or not all(stages) or min(min(stage) for stage in stages) < 1:
        raise RangeError("vgg_small", "stages", got=stages, expected="lists of positive channel counts")
    check_choice("vgg_small", "head", head, ("flatten", "mean"))
    side = input_size >> len(stages)
    if side < 1:
        raise ShapeError("vgg_small", "input_size", got=input_size, expected=f"at least {1 << len(stages)}")
    make = layer_maker(method, weight, activation)
    return VGGSmall(make, stages, num_classes, in_chans, side, mean, std, head)
