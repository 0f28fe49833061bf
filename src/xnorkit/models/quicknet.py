"""QuickNet: binary 3x3 convolutions with +1 around the picture, and cheap float transitions between the sections.

Source: Bannink et al. 2021 (Larq Compute Engine); larq-zoo's QuickNet (63.3 %, 13,234,088 numbers, 4.17 MB),
QuickNetSmall (59.4 %, 12,655,688, 4.00 MB) and QuickNetLarge (66.9 %, 23,342,248, 5.40 MB).

block        [sign] 3x3 conv, padded with +1 -> nonlinearity (ReLU) -> norm -> + x
transition   ReLU -> 2x2 max-pool of stride 1 -> blur, a fixed depthwise 3x3 of stride 2 -> float 1x1 conv -> norm
stem         3x3 of stride 2, a quarter of the channels -> norm -> ReLU -> depthwise 3x3 of stride 2 -> norm without
             gamma and beta -> 1x1 conv -> norm
end          ReLU -> mean over the picture -> scores

All of this is read off larq-zoo's code and pinned by its three parameter counts. Deviates: the stem's paddings are
PyTorch's, symmetric (TensorFlow's "same" pads an even picture only at its end; the blur's are the same in both);
latent weights are clipped to 1 where a recipe clips, not to 1.25; XNOR-Net's K knows no padding but 0. Without signs
there is nothing to pad with +1: few-bit and float layers pad with 0.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..errors import RangeError
from ..nn.quantizers import ActivationQuantizer, WeightQuantizer
from ..nn.schemes import Scheme
from .maker import LayerMaker, layer_maker
from .sizes import check_sizes

FILTERS = (64, 128, 256, 512)
SMALL_FILTERS = (32, 64, 256, 512)
BLOCKS = (4, 4, 4, 4)
LARGE_BLOCKS = (6, 8, 12, 6)
METHOD = "bnn[first=float, last=float, nonlinearity=relu, weight.clip=1.25, activation.clip=1.25]"
HALVED = {"imagenet": 32, "cifar": 8}


class Blur(nn.Module):
    """The binomial 3x3 window (1, 2, 1) x (1, 2, 1) / 16 of each channel, stride 2: ``(N, C, H, W) -> (N, C, ., .)``.

    Fixed; padded with 0. Source: Zhang 2019 (Making Convolutional Networks Shift-Invariant Again).

    >>> Blur(1)(torch.ones(1, 1, 3, 3))[0, 0].tolist()
    [[0.5625, 0.5625], [0.5625, 0.5625]]
    """

    window: Tensor

    def __init__(self, channels: int) -> None:
        super().__init__()
        taps = torch.tensor([1.0, 2.0, 1.0]) / 4
        self.register_buffer("window", torch.outer(taps, taps).repeat(channels, 1, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        return F.conv2d(x, self.window, stride=2, padding=1, groups=self.window.shape[0])


class Block(nn.Module):
    """``norm(nonlinearity(conv(x))) + x``: ``(N, C, H, W)`` to the same shape."""

    def __init__(self, make: LayerMaker, channels: int) -> None:
        super().__init__()
        self.conv = make.hidden_conv(channels, channels, 3, padding=1, pad_value=1)
        self.act, self.norm = make.nonlinearity(channels), make.norm(channels)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.norm(self.act(self.conv(x))) + x
        return y


def _transition(make: LayerMaker, channels: int, out: int) -> nn.Sequential:
    return nn.Sequential(OrderedDict(act=nn.ReLU(), pool=nn.MaxPool2d(2, 1), blur=Blur(channels),
                                     conv=nn.Conv2d(channels, out, 1, bias=False), norm=make.norm(out)))  # fmt: skip


def _stem(make: LayerMaker, in_chans: int, out: int, stride: int) -> list[tuple[str, nn.Module]]:
    few = out // 4
    return [("stem1", make.first_conv(in_chans, few, 3, padding=1, stride=stride)), ("norm1", make.norm(few)),
            ("act1", nn.ReLU()),
            ("stem2", nn.Conv2d(few, few, 3, stride, 1, groups=few, bias=False)),
            ("norm2", nn.BatchNorm2d(few, affine=False)),
            ("stem3", nn.Conv2d(few, out, 1, bias=False)), ("norm3", make.norm(out))]  # fmt: skip


def quicknet(
    method: str | Scheme,
    num_classes: int,
    in_chans: int,
    *,
    input_size: int = 224,
    width: float = 1.0,
    stem: str = "imagenet",
    filters: Sequence[int] = FILTERS,
    blocks: Sequence[int] = BLOCKS,
    mean: Sequence[float] | float = 0.5,
    std: Sequence[float] | float = 0.5,
    weight: str | WeightQuantizer | None = None,
    activation: str | ActivationQuantizer | None = None,
) -> nn.Sequential:
    """Stem, four sections of residual 3x3 convolutions, the mean over the picture, float scores.

    width: multiplies all channel counts. filters, blocks: channels and number of blocks of each section; a transition
        stands before all but the first.
    stem: its two strides: 2 for ``imagenet``, 1 for ``cifar``.
    Raises RangeError unless every section has a size, a block and a multiple of 4 channels, at least 8, and for another
    stem, ShapeError unless the size is a multiple of 32 (``cifar``: 8).
    """
    if len(filters) != len(FILTERS) or len(blocks) != len(FILTERS) or min(blocks) < 1:
        raise RangeError("quicknet", "filters and blocks", got=f"{tuple(filters)}, {tuple(blocks)}",
                         expected="four positive numbers each")  # fmt: skip
    check_sizes("quicknet", width=width, narrowest=min(filters), stem=stem, halved=HALVED, input_size=input_size)
    make = layer_maker(method, weight, activation)
    sizes = [int(size * width) for size in filters]
    if sizes[0] % 4:
        raise RangeError("quicknet", "channels of the stem", got=sizes[0], expected="a multiple of 4")
    layers = [("pixels", make.pixels(in_chans, mean, std)),
              *_stem(make, in_chans, sizes[0], 2 if stem == "imagenet" else 1)]  # fmt: skip
    for i, (out, count) in enumerate(zip(sizes, blocks, strict=True)):
        if i:
            layers.append((f"transition{i}", _transition(make, sizes[i - 1], out)))
        layers.append((f"section{i + 1}", nn.Sequential(*[Block(make, out) for _ in range(count)])))
    act = nn.Identity() if make.scheme.last == "binary" else nn.ReLU()
    layers += [("last_act", act), ("mean", nn.AdaptiveAvgPool2d(1)), ("flatten", nn.Flatten()),
               ("scores", make.last_linear(sizes[-1], num_classes, real=True))]  # fmt: skip
    return nn.Sequential(OrderedDict(layers))
