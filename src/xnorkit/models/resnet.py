"""ResNet-18, -34, -50 under every scheme: XNOR-Net's, shortcuts around blocks, and Bi-Real's, around convolutions.

Sources: He et al. 2016; Rastegari et al. 2016 (XNOR-Net), sec. 4.2: type-B shortcuts; Liu et al. 2018 (Bi-Real Net).

scheme              block of two 3x3 convolutions (18, 34), or of 1x1, 3x3, 1x1 (50)
shortcut            [sign] conv -> norm -> + x -> nonlinearity for each convolution (Bi-Real, ReActNet, IR-Net)
signs, no shortcut  norm -> [sign] conv -> nonlinearity for each, -> + x            (XNOR-Net, BNN: batch norm first)
others              conv -> norm -> ReLU for each, the last ReLU behind + x         (float: the net of He et al.)

Where size or channels change, x goes through a float 1x1 convolution with batch norm, of stride 2 (type B) or behind a
2x2 average pool (Bi-Real); or it is subsampled and zeros are its new channels (type A). XNOR-Net does not say whether
its 1x1 convolutions are binary; those of shortcuts are float here, those of blocks binary. Of a block of 1x1, 3x3, 1x1
the first and last change the channels: under a scheme of shortcuts the 3x3 has one of its own, the block another. The
3x3 has the stride (torchvision; He et al.: the first 1x1).
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ..errors import RangeError
from ..nn.quantizers import ActivationQuantizer, WeightQuantizer
from ..nn.schemes import Scheme
from .maker import LayerMaker, layer_maker
from .sizes import check_sizes

WIDTHS = (64, 128, 256, 512)
DEPTHS = {18: (2, 2, 2, 2), 34: (3, 4, 6, 3), 50: (3, 4, 6, 3)}
BOTTLENECK = 4
"""Of a block of ResNet-50, channels that leave it for each inside."""
HALVED = {"imagenet": 32, "cifar": 8}
TYPES = ("A", "B")


class ZeroChannels(nn.Module):
    """A shortcut of type A: ``(N, C, H, W) -> (N, O, H / stride, W / stride)``, every stride-th pixel, then zeros."""

    def __init__(self, channels: int, out: int, stride: int) -> None:
        super().__init__()
        self.times, self.pick = out // channels, nn.MaxPool2d(1, stride)

    def forward(self, x: Tensor) -> Tensor:
        x = self.pick(x)
        return torch.cat([x, *[x * 0.0] * (self.times - 1)], 1)


def _shortcut(make: LayerMaker, channels: int, out: int, stride: int, kind: str) -> nn.Module:
    if stride == 1 and channels == out:
        return nn.Identity()
    pooled = make.scheme.shortcut and stride > 1
    if kind == "A":
        return ZeroChannels(channels, out, stride)
    parts: list[tuple[str, nn.Module]] = [("pool", nn.AvgPool2d(stride))] if pooled else []
    conv = nn.Conv2d(channels, out, 1, stride=1 if pooled else stride, bias=False)
    return nn.Sequential(OrderedDict([*parts, ("conv", conv), ("norm", make.norm(out))]))


class Residual(nn.Module):
    """``after(body(x) + shortcut(x))``: ``(N, C, H, W) -> (N, O, H / stride, W / stride)``."""

    def __init__(self, body: nn.Module, shortcut: nn.Module, after: nn.Module) -> None:
        super().__init__()
        self.body, self.shortcut, self.after = body, shortcut, after

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.after(self.body(x) + self.shortcut(x))
        return y


def _convs(make: LayerMaker, channels: int, inside: int, out: int, stride: int) -> list[tuple[nn.Module, int, int]]:
    """Convolutions of a block with their channels in and out; ``out`` wider than ``inside``: 1x1, 3x3, 1x1."""
    if inside == out:
        sizes = [(channels, out, 3, stride), (out, out, 3, 1)]
    else:
        sizes = [(channels, inside, 1, 1), (inside, inside, 3, stride), (inside, out, 1, 1)]
    return [(make.hidden_conv(c, o, kernel, padding=kernel // 2, stride=step), c, o) for c, o, kernel, step in sizes]


def _block(make: LayerMaker, channels: int, inside: int, out: int, stride: int, kind: str) -> list[Residual]:
    """A block of He et al. under the scheme: a residual, or with a shortcut around each 3x3 convolution two."""
    convs = _convs(make, channels, inside, out, stride)
    around = _shortcut(make, channels, out, stride, kind)
    if make.scheme.shortcut:
        bodies = [nn.Sequential(OrderedDict(conv=conv, norm=make.norm(o))) for conv, _, o in convs]
        if inside == out:
            return [Residual(body, short, make.nonlinearity(out))
                    for body, short in zip(bodies, (around, nn.Identity()), strict=True)]  # fmt: skip
        own = Residual(bodies[1], _shortcut(make, inside, inside, stride, kind), make.nonlinearity(inside))
        body = nn.Sequential(OrderedDict(first=bodies[0], act=make.nonlinearity(inside), own=own, last=bodies[2]))
        return [Residual(body, around, make.nonlinearity(out))]
    parts: list[tuple[str, nn.Module]] = []
    for i, (conv, c, o) in enumerate(convs, start=1):
        if make.scheme.signed:
            parts += [(f"norm{i}", make.norm(c)), (f"conv{i}", conv), (f"act{i}", make.nonlinearity(o))]
        else:
            parts += [(f"conv{i}", conv), (f"norm{i}", make.norm(o)), (f"act{i}", nn.ReLU())]
    if make.scheme.signed:
        return [Residual(nn.Sequential(OrderedDict(parts)), around, nn.Identity())]
    return [Residual(nn.Sequential(OrderedDict(parts[:-1])), around, nn.ReLU())]


def resnet(
    method: str | Scheme,
    num_classes: int,
    in_chans: int,
    *,
    input_size: int = 224,
    width: float = 1.0,
    stem: str = "imagenet",
    depth: int = 18,
    shortcut: str = "B",
    mean: Sequence[float] | float = 0.5,
    std: Sequence[float] | float = 0.5,
    weight: str | WeightQuantizer | None = None,
    activation: str | ActivationQuantizer | None = None,
) -> nn.Sequential:
    """Stem, four stages of blocks, the mean over the picture, float scores.

    width: multiplies all channel counts; at 1 the float nets of 1000 classes have 11,689,512 (depth 18), 21,797,672
    (34) and 25,557,032 (50) parameters. stem: ``imagenet``: 7x7 of stride 2 and a 3x3 max-pool of stride 2; ``cifar``:
    3x3. shortcut: where size or channels change, type B (1x1 convolutions) or A (zeros).
    Raises RangeError unless width keeps at least 8 channels, for another stem, depth or shortcut, ShapeError unless
    the size can be halved as often as the net does.
    """
    check_sizes("resnet", width=width, narrowest=WIDTHS[0], stem=stem, halved=HALVED, input_size=input_size)
    for name, value, known in (("depth", depth, tuple(DEPTHS)), ("shortcut", shortcut, TYPES)):
        if value not in known:
            raise RangeError("resnet", name, got=value, expected=f"one of {known}")
    make = layer_maker(method, weight, activation)
    kernel, stride = (7, 2) if stem == "imagenet" else (3, 1)
    channels = int(WIDTHS[0] * width)
    layers: list[tuple[str, nn.Module]] = [
        ("pixels", make.pixels(in_chans, mean, std)),
        ("stem", make.first_conv(in_chans, channels, kernel, padding=kernel // 2, stride=stride)),
        ("norm", make.norm(channels)), ("act", nn.Identity() if make.scheme.shortcut else nn.ReLU()),
        ("pool", nn.MaxPool2d(3, 2, 1) if stem == "imagenet" else nn.Identity()),
    ]  # fmt: skip
    for i, (size, count) in enumerate(zip(WIDTHS, DEPTHS[depth], strict=True)):
        inside = int(size * width)
        out = inside * (BOTTLENECK if depth == 50 else 1)
        blocks: list[Residual] = []
        for j in range(count):
            blocks += _block(make, channels, inside, out, 2 if i and not j else 1, shortcut)
            channels = out
        layers.append((f"stage{i + 1}", nn.Sequential(*blocks)))
    if make.scheme.signed and not make.scheme.shortcut:
        act = nn.ReLU() if make.scheme.last != "binary" else nn.Identity()
        layers += [("last_norm", make.norm(channels)), ("last_act", act)]
    layers += [("mean", nn.AdaptiveAvgPool2d(1)), ("flatten", nn.Flatten()),
               ("scores", make.last_linear(channels, num_classes, real=True))]  # fmt: skip
    return nn.Sequential(OrderedDict(layers))
