"""ResNet-18 under every scheme: XNOR-Net's, with shortcuts around two convolutions, and Bi-Real's, around each.

Sources: He et al. 2016; Rastegari et al. 2016 (XNOR-Net), sec. 4.2: type-B shortcuts; Liu et al. 2018 (Bi-Real Net).

scheme              block, twice for each block of He et al. where it has one convolution
shortcut            [sign] conv -> norm -> + x -> nonlinearity                (Bi-Real, ReActNet, IR-Net)
signs, no shortcut  norm -> [sign] conv -> nonlinearity, both twice, -> + x   (XNOR-Net, BNN: batch norm first)
others              conv -> norm -> ReLU -> conv -> norm -> + x -> ReLU       (float: the net of He et al.)

Where the size halves, x goes through a float 1x1 convolution with batch norm: of stride 2 (type B), or behind a 2x2
average pool (Bi-Real). XNOR-Net does not say whether its 1x1 convolutions are binary; here they are float.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

from torch import Tensor, nn

from ..errors import RangeError, ShapeError
from ..nn.quantizers import ActivationQuantizer, WeightQuantizer
from ..nn.schemes import Scheme
from .maker import LayerMaker, layer_maker

WIDTHS = (64, 128, 256, 512)
BLOCKS = (2, 2, 2, 2)
STEMS = ("imagenet", "cifar")


def _shortcut(make: LayerMaker, channels: int, out: int, stride: int) -> nn.Module:
    if stride == 1 and channels == out:
        return nn.Identity()
    pooled = make.scheme.shortcut and stride > 1
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


def _block(make: LayerMaker, channels: int, out: int, stride: int) -> list[Residual]:
    """A block of He et al. under the scheme: two residuals of a convolution each, or one of two."""
    first = make.hidden_conv(channels, out, 3, padding=1, stride=stride)
    second = make.hidden_conv(out, out, 3, padding=1)
    around = _shortcut(make, channels, out, stride)
    if make.scheme.shortcut:
        bodies = [nn.Sequential(OrderedDict(conv=conv, norm=make.norm(out))) for conv in (first, second)]
        return [Residual(body, short, make.nonlinearity(out))
                for body, short in zip(bodies, (around, nn.Identity()), strict=True)]  # fmt: skip
    if make.scheme.signed:
        body = OrderedDict(norm1=make.norm(channels), conv1=first, act1=make.nonlinearity(out), norm2=make.norm(out),
                           conv2=second, act2=make.nonlinearity(out))  # fmt: skip
        return [Residual(nn.Sequential(body), around, nn.Identity())]
    body = OrderedDict(conv1=first, norm1=make.norm(out), act=nn.ReLU(), conv2=second, norm2=make.norm(out))
    return [Residual(nn.Sequential(body), around, nn.ReLU())]


def resnet18(
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
    """Stem, eight blocks of two 3x3 convolutions, the mean over the picture, float scores.

    width: multiplies all channel counts; 1 is ResNet-18 (11,689,512 parameters as a float net of 1000 classes).
    stem: ``imagenet``: 7x7 of stride 2 and a 3x3 max-pool of stride 2; ``cifar``: 3x3.
    Raises RangeError unless width keeps at least 8 channels and for another stem, ShapeError unless the size can be
    halved as often as the net does.
    """
    if WIDTHS[0] * width < 8:
        raise RangeError("resnet18", "width", got=width, expected=f"at least {8 / WIDTHS[0]}")
    if stem not in STEMS:
        raise RangeError("resnet18", "stem", got=stem, expected=f"one of {STEMS}")
    halved = 32 if stem == "imagenet" else 8
    if input_size < halved or input_size % halved:
        raise ShapeError("resnet18", "input_size", got=input_size, expected=f"a multiple of {halved}")
    make = layer_maker(method, weight, activation)
    kernel, stride = (7, 2) if stem == "imagenet" else (3, 1)
    channels = int(WIDTHS[0] * width)
    layers: list[tuple[str, nn.Module]] = [
        ("pixels", make.pixels(in_chans, mean, std)),
        ("stem", make.first_conv(in_chans, channels, kernel, padding=kernel // 2, stride=stride)),
        ("norm", make.norm(channels)), ("act", nn.Identity() if make.scheme.shortcut else nn.ReLU()),
        ("pool", nn.MaxPool2d(3, 2, 1) if stem == "imagenet" else nn.Identity()),
    ]  # fmt: skip
    for i, (size, count) in enumerate(zip(WIDTHS, BLOCKS, strict=True)):
        blocks: list[Residual] = []
        for j in range(count):
            blocks += _block(make, channels, int(size * width), 2 if i and not j else 1)
            channels = int(size * width)
        layers.append((f"stage{i + 1}", nn.Sequential(*blocks)))
    if make.scheme.signed and not make.scheme.shortcut:
        act = nn.ReLU() if make.scheme.last != "binary" else nn.Identity()
        layers += [("last_norm", make.norm(channels)), ("last_act", act)]
    layers += [("mean", nn.AdaptiveAvgPool2d(1)), ("flatten", nn.Flatten()),
               ("scores", make.last_linear(channels, num_classes, real=True))]  # fmt: skip
    return nn.Sequential(OrderedDict(layers))
