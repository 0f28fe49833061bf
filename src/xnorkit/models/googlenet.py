"""GoogLeNet with inception branches, and XNOR-Net's variant without.

Sources: Szegedy et al. 2015, table 1; Rastegari et al. 2016 (XNOR-Net), sec. 4.2: "a variant of GoogLenet that uses the
similar number of parameters and connections but only straightforward convolutions, no branching": the paper does not
say more. Here such a block is a 1x1 convolution and a 3x3 one to as many channels as the branches had together, the
channels between them chosen so that it has the branches' number of weights.

unit                signs: norm -> [sign] conv -> nonlinearity; others: conv -> norm -> ReLU;
                    float, ``norm=False``: conv with bias -> ReLU, as published
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ..errors import RangeError, ShapeError
from ..nn.quantizers import ActivationQuantizer, WeightQuantizer
from ..nn.schemes import Scheme
from .maker import LayerMaker, layer_maker
from .sizes import FEWEST_CHANNELS

WIDTHS: dict[str, tuple[int, int, int, int, int, int]] = {
    "3a": (64, 96, 128, 16, 32, 32), "3b": (128, 128, 192, 32, 96, 64),
    "4a": (192, 96, 208, 16, 48, 64), "4b": (160, 112, 224, 24, 64, 64), "4c": (128, 128, 256, 24, 64, 64),
    "4d": (112, 144, 288, 32, 64, 64), "4e": (256, 160, 320, 32, 128, 128),
    "5a": (256, 160, 320, 32, 128, 128), "5b": (384, 192, 384, 48, 128, 128),
}  # fmt: skip
"""Channels of 1x1; before and of 3x3; before and of the large filters; behind the pool."""
POOLS = {"3b": 3, "4e": 2}
"""Blocks with a max-pool of stride 2 behind them, and its kernel (3 in the paper, 2 the second time in torchvision)."""
STEM = (64, 64, 192)
SMALLEST = 32


@dataclass(frozen=True)
class Units:
    """Convolutions with what stands around them; see the table above. plain: with bias, without norm."""

    make: LayerMaker
    plain: bool

    def __call__(self, channels: int, out: int, kernel: int) -> nn.Sequential:
        conv = self.make.hidden_conv(channels, out, kernel, padding=kernel // 2, bias=self.plain)
        if self.plain:
            return nn.Sequential(OrderedDict(conv=conv, act=nn.ReLU()))
        if self.make.scheme.signed:
            return nn.Sequential(OrderedDict(norm=self.make.norm(channels), conv=conv, act=self.make.nonlinearity(out)))
        return nn.Sequential(OrderedDict(conv=conv, norm=self.make.norm(out), act=self.make.nonlinearity(out)))


class Inception(nn.Module):
    """Four branches side by side: ``(N, C, H, W) -> (N, b1 + b3 + b5 + pool, H, W)``."""

    def __init__(self, unit: Units, channels: int, widths: Sequence[int], large: int) -> None:
        super().__init__()
        one, before3, three, before5, five, pooled = widths
        self.one = unit(channels, one, 1)
        self.three = nn.Sequential(unit(channels, before3, 1), unit(before3, three, 3))
        self.large = nn.Sequential(unit(channels, before5, 1), unit(before5, five, large))
        self.pooled = nn.Sequential(nn.MaxPool2d(3, 1, 1), unit(channels, pooled, 1))

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([self.one(x), self.three(x), self.large(x), self.pooled(x)], 1)


def straight_width(channels: int, widths: Sequence[int], large: int) -> int:
    """Channels between 1x1 and 3x3 that give a block without branches the weights of one with them.

    >>> straight_width(192, (64, 96, 128, 16, 32, 32), 3)
    62
    """
    one, before3, three, before5, five, pooled = widths
    weights = channels * (one + before3 + before5 + pooled) + 9 * before3 * three + large**2 * before5 * five
    return round(weights / (channels + 9 * (one + three + five + pooled)))


def googlenet(
    method: str | Scheme,
    num_classes: int,
    in_chans: int,
    *,
    input_size: int = 224,
    width: float = 1.0,
    large: int = 3,
    norm: bool = True,
    branches: bool = True,
    dropout: float = 0.0,
    mean: Sequence[float] | float = 0.5,
    std: Sequence[float] | float = 0.5,
    weight: str | WeightQuantizer | None = None,
    activation: str | ActivationQuantizer | None = None,
) -> nn.Sequential:
    """7x7 stem of stride 2, a 1x1 and a 3x3 convolution, nine blocks, the mean over the picture, float scores.

    large: side of the large filters: 3, as torchvision has it (6,624,904 parameters with norms as a float net of 1000
    classes), or the paper's 5 (6,998,552 with ``norm=False``). norm: batch norms in the float net. width: multiplies
    all channel counts. branches: False for XNOR-Net's variant. dropout: of the means, 0.4 in the paper. The paper's
    two auxiliary classifiers, which only training has, are left out.
    Raises RangeError for another filter and unless width keeps a channel everywhere, ShapeError below 32x32.
    """
    if large not in (3, 5):
        raise RangeError("googlenet", "large", got=large, expected="3 or 5")
    if STEM[0] * width < FEWEST_CHANNELS:
        raise RangeError("googlenet", "width", got=width, expected=f"at least {FEWEST_CHANNELS / STEM[0]}")
    if input_size < SMALLEST:
        raise ShapeError("googlenet", "input_size", got=input_size, expected=f"at least {SMALLEST}")
    make = layer_maker(method, weight, activation)
    plain = not make.binary and not norm
    unit = Units(make, plain)
    first, reduced, channels = (int(size * width) for size in STEM)
    layers: list[tuple[str, nn.Module]] = [
        ("pixels", make.pixels(in_chans, mean, std)),
        ("stem", make.first_conv(in_chans, first, 7, padding=3, stride=2, bias=plain)),
        *([] if plain else [("norm", make.norm(first))]), ("act", nn.ReLU()), ("pool1", _pool(3)),
        ("conv2", unit(first, reduced, 1)), ("conv3", unit(reduced, channels, 3)), ("pool2", _pool(3)),
    ]  # fmt: skip
    for name, sizes in WIDTHS.items():
        widths = [max(1, int(size * width)) for size in sizes]
        out = widths[0] + widths[2] + widths[4] + widths[5]
        if branches:
            layers.append((f"block{name}", Inception(unit, channels, widths, large)))
        else:
            inside = straight_width(channels, widths, large)
            layers.append((f"block{name}", nn.Sequential(unit(channels, inside, 1), unit(inside, out, 3))))
        channels = out
        if name in POOLS:
            layers.append((f"pool{name[0]}", _pool(POOLS[name])))
    if make.scheme.signed:
        act = nn.ReLU() if make.scheme.last != "binary" else nn.Identity()
        layers += [("last_norm", make.norm(channels)), ("last_act", act)]
    layers += [("mean", nn.AdaptiveAvgPool2d(1)), ("flatten", nn.Flatten()),
               ("drop", nn.Dropout(dropout) if dropout else nn.Identity()),
               ("scores", make.last_linear(channels, num_classes, real=True))]  # fmt: skip
    return nn.Sequential(OrderedDict(layers))


def _pool(kernel: int) -> nn.MaxPool2d:
    """Of stride 2; a last half window counts, too."""
    return nn.MaxPool2d(kernel, 2, ceil_mode=True)
