"""Bi-Real Net of 18 and 34 layers, which ReActNet-18 is too: ResNets with a shortcut around every binary convolution.

Source: Liu et al. 2018 (Bi-Real Net), sec. 3: 56.4 and 62.2 %, 33.6 and 43.7 Mbit, 1.63e8 and 1.93e8 operations;
larq-zoo's BiRealNet (57.5 %, 11,699,112 numbers, 4.03 MiB). Liu et al. 2020 (ReActNet), sec. 4: the same net with
RSign and RPReLU, 65.5 %.

residual     [sign] 3x3 conv -> norm -> + x -> nonlinearity, twice for each block of He et al. 2016
size halves  x goes through 2x2 means, a float 1x1 conv and norm

Unlike ``resnet18`` this is the same net under every scheme, XNOR-Net's and the float one included.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

from torch import nn

from ..errors import RangeError
from ..nn.quantizers import ActivationQuantizer, WeightQuantizer
from ..nn.schemes import Scheme
from .maker import LayerMaker, layer_maker
from .resnet import Residual
from .sizes import check_sizes

WIDTHS = (64, 128, 256, 512)
BLOCKS_18, BLOCKS_34 = (2, 2, 2, 2), (3, 4, 6, 3)
METHOD = "bi-real[first=float, last=float]"
REACTNET = "reactnet[first=float, last=float]"
HALVED = {"imagenet": 32, "cifar": 8}


def residual(make: LayerMaker, channels: int, out: int, stride: int) -> Residual:
    """One convolution and its shortcut: ``(N, C, H, W) -> (N, O, H / stride, W / stride)``."""
    conv = make.hidden_conv(channels, out, 3, padding=1, stride=stride)
    around: nn.Module = nn.Identity()
    if channels != out:
        around = nn.Sequential(OrderedDict(pool=nn.AvgPool2d(stride), conv=nn.Conv2d(channels, out, 1, bias=False),
                                           norm=make.norm(out)))  # fmt: skip
    return Residual(nn.Sequential(OrderedDict(conv=conv, norm=make.norm(out))), around, make.nonlinearity(out))


def stages(make: LayerMaker, blocks: Sequence[int], width: float) -> list[tuple[str, nn.Module]]:
    """Four stages, two residuals for each of their blocks; all but the first halve the size."""
    layers: list[tuple[str, nn.Module]] = []
    channels = int(WIDTHS[0] * width)
    for i, (size, count) in enumerate(zip(WIDTHS, blocks, strict=True)):
        out = int(size * width)
        parts = [residual(make, channels if j == 0 else out, out, 2 if i and j == 0 else 1) for j in range(2 * count)]
        layers.append((f"stage{i + 1}", nn.Sequential(*parts)))
        channels = out
    return layers


def birealnet(
    method: str | Scheme,
    num_classes: int,
    in_chans: int,
    *,
    input_size: int = 224,
    width: float = 1.0,
    stem: str = "imagenet",
    blocks: Sequence[int] = BLOCKS_18,
    mean: Sequence[float] | float = 0.5,
    std: Sequence[float] | float = 0.5,
    weight: str | WeightQuantizer | None = None,
    activation: str | ActivationQuantizer | None = None,
) -> nn.Sequential:
    """Stem, four stages of residuals of one convolution each, the mean over the picture, float scores.

    width: multiplies all channel counts. blocks: of He et al. in each stage, two residuals each; 18 layers by default.
    stem: ``imagenet``: 7x7 of stride 2, norm, 3x3 max-pool of stride 2; ``cifar``: 3x3 and norm. No nonlinearity.
    Raises RangeError unless width keeps at least 8 channels and each of four stages has a block, and for another stem,
    ShapeError unless the size is a multiple of 32 (``cifar``: 8).
    """
    if len(blocks) != len(WIDTHS) or min(blocks) < 1:
        raise RangeError("birealnet", "blocks", got=tuple(blocks), expected="four positive numbers")
    check_sizes("birealnet", width=width, narrowest=WIDTHS[0], stem=stem, halved=HALVED, input_size=input_size)
    make = layer_maker(method, weight, activation)
    first, large = int(WIDTHS[0] * width), stem == "imagenet"
    kernel, stride = (7, 2) if large else (3, 1)
    layers = [
        ("pixels", make.pixels(in_chans, mean, std)),
        ("stem", make.first_conv(in_chans, first, kernel, padding=kernel // 2, stride=stride)),
        ("norm", make.norm(first)), ("pool", nn.MaxPool2d(3, 2, 1) if large else nn.Identity()),
        *stages(make, blocks, width),
        ("mean", nn.AdaptiveAvgPool2d(1)), ("flatten", nn.Flatten()),
        ("scores", make.last_linear(int(WIDTHS[-1] * width), num_classes, real=True)),
    ]  # fmt: skip
    return nn.Sequential(OrderedDict(layers))
