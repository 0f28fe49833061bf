"""What BinaryDenseNet and MeliusNet share: features that are read by all later layers of their stage."""

from __future__ import annotations

from collections import OrderedDict

import torch
from torch import Tensor, nn

from .maker import LayerMaker


def read(make: LayerMaker, channels: int, out: int) -> nn.Sequential:
    """A 3x3 convolution that reads all features: ``norm -> [sign] conv -> nonlinearity``.

    Without signs it is DenseNet's own order, ``norm -> nonlinearity -> conv``.
    """
    conv = make.hidden_conv(channels, out, 3, padding=1)
    parts = {"norm": make.norm(channels)}
    if make.scheme.signed:
        return nn.Sequential(OrderedDict(**parts, conv=conv, act=make.nonlinearity(out)))
    return nn.Sequential(OrderedDict(**parts, act=make.nonlinearity(channels), conv=conv))


class Dense(nn.Module):
    """``(x, body(x))`` along channels: ``(N, C, H, W) -> (N, C + growth, H, W)``."""

    def __init__(self, make: LayerMaker, channels: int, growth: int) -> None:
        super().__init__()
        self.body = read(make, channels, growth)

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([x, self.body(x)], 1)


def transition(make: LayerMaker, channels: int, out: int) -> nn.Sequential:
    """Half the size: norm -> 2x2 max-pool -> ReLU -> float 1x1 convolution."""
    return nn.Sequential(OrderedDict(norm=make.norm(channels), pool=nn.MaxPool2d(2), act=nn.ReLU(),
                                     conv=nn.Conv2d(channels, out, 1, bias=False)))  # fmt: skip


def head(make: LayerMaker, channels: int, num_classes: int) -> list[tuple[str, nn.Module]]:
    """norm -> ReLU -> mean over the picture -> scores; binary scores read signs of both kinds, so no ReLU for them."""
    act = nn.Identity() if make.scheme.last == "binary" else nn.ReLU()
    return [("last_norm", make.norm(channels)), ("last_act", act), ("mean", nn.AdaptiveAvgPool2d(1)),
            ("flatten", nn.Flatten()), ("scores", make.last_linear(channels, num_classes, real=True))]  # fmt: skip
