"""MeliusNet-22: dense blocks add features, improvement blocks make the newest ones better.

Source: Bethge et al. 2020 (MeliusNet), sec. 3: stages of 4, 5, 4 and 4 pairs, transitions to 160, 224
and 256 channels, a grouped stem; larq-zoo's MeliusNet22 (62.4 %, 6,944,584 numbers), signs with a window of 1.3.

dense        norm -> [sign] 3x3 conv, 64 filters -> joined to what it read
improvement  norm -> [sign] 3x3 conv, 64 filters -> added onto the last 64 channels, those of the dense block
transition   norm -> 2x2 max-pool -> ReLU -> float 1x1 conv
stem         3x3 of stride 2, 3x3 in 4 groups, 3x3 in 8 groups, each with norm and ReLU; 2x2 max-pool

Deviates: the stem's padding is PyTorch's, symmetric; latent weights are clipped to 1 where a recipe clips, not to 1.3.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ..errors import RangeError
from ..nn.quantizers import ActivationQuantizer, WeightQuantizer
from ..nn.schemes import Scheme
from .dense import head, read, transition
from .maker import LayerMaker, layer_maker
from .sizes import check_sizes

STEM = ((32, 1), (32, 4), (64, 8))
"""Channels and groups of the three convolutions of the stem."""
GROWTH = 64
PAIRS = (4, 5, 4, 4)
TRANSITIONS = (160, 224, 256)
METHOD = "bnn[first=float, last=float, weight.clip=1.3, activation.clip=1.3]"
HALVED = {"imagenet": 32, "cifar": 8}


class Pair(nn.Module):
    """A dense block and the improvement of what it adds: ``(N, C, H, W) -> (N, C + growth, H, W)``.

    With d = dense(x): ``y = (x, d + improvement((x, d)))``, so that nothing is cut out of the joined features.
    """

    def __init__(self, make: LayerMaker, channels: int, growth: int) -> None:
        super().__init__()
        self.dense, self.improvement = read(make, channels, growth), read(make, channels + growth, growth)

    def forward(self, x: Tensor) -> Tensor:
        d = self.dense(x)
        return torch.cat([x, d + self.improvement(torch.cat([x, d], 1))], 1)


def _stem(make: LayerMaker, in_chans: int, width: float, stem: str) -> list[tuple[str, nn.Module]]:
    layers: list[tuple[str, nn.Module]] = []
    channels = in_chans
    for i, (size, groups) in enumerate(STEM):
        out = int(size * width)
        if i:
            conv: nn.Module = nn.Conv2d(channels, out, 3, padding=1, groups=groups, bias=False)
        else:
            conv = make.first_conv(in_chans, out, 3, padding=1, stride=2 if stem == "imagenet" else 1)
        layers += [(f"stem{i + 1}", conv), (f"norm{i + 1}", make.norm(out)), (f"act{i + 1}", nn.ReLU())]
        channels = out
    return [*layers, ("pool", nn.MaxPool2d(2) if stem == "imagenet" else nn.Identity())]


def meliusnet22(
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
    """Grouped stem, four stages of pairs of a dense and an improvement block, the mean over the picture, float scores.

    width: multiplies all channel counts, a multiple of 1/4 for the groups' sake; 1 is the net of the paper.
    stem: ``imagenet``: with a stride of 2 and a max-pool; ``cifar``: without.
    Raises RangeError for other widths and stems, ShapeError unless the size is a multiple of 32 (``cifar``: 8).
    """
    check_sizes("meliusnet22", width=width, narrowest=STEM[0][0], stem=stem, halved=HALVED, input_size=input_size)
    if 4 * width != int(4 * width):
        raise RangeError("meliusnet22", "width", got=width, expected="a multiple of 0.25")
    make = layer_maker(method, weight, activation)
    channels, growth = int(STEM[-1][0] * width), int(GROWTH * width)
    layers = [("pixels", make.pixels(in_chans, mean, std)), *_stem(make, in_chans, width, stem)]
    for i, count in enumerate(PAIRS):
        layers.append((f"stage{i + 1}", nn.Sequential(*[Pair(make, channels + j * growth, growth)
                                                        for j in range(count)])))  # fmt: skip
        channels += count * growth
        if i < len(TRANSITIONS):
            out = int(TRANSITIONS[i] * width)
            layers.append((f"transition{i + 1}", transition(make, channels, out)))
            channels = out
    return nn.Sequential(OrderedDict([*layers, *head(make, channels, num_classes)]))
