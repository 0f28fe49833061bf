"""Chains: convolutions and pools one behind the other, then dense layers; AlexNet, ZFNet and VGG are rows of them.

scheme                   block
signs, order bacp        norm -> [sign] conv -> nonlinearity -> (pool)      (XNOR-Net; ``nonlinearity=relu``: with ReLU)
signs, order cbap        conv -> norm -> sign -> (pool)                     (the order XNOR-Net, table 3 argues against)
others, and float        conv -> norm -> nonlinearity -> (pool)
float, not ``normed``    conv with bias -> ReLU -> (pool)                   (the nets before batch norm, as published)

Convolutions before a batch norm have no bias, which it takes away again. Shortcuts of a scheme have no place here.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from torch import nn

from ..errors import RangeError, ShapeError
from .maker import LayerMaker
from .sizes import FEWEST_CHANNELS

Layers = list[tuple[str, nn.Module]]


@dataclass(frozen=True)
class Conv:
    """A convolution of ``out`` channels; padding None: half the kernel. pool: (kernel, stride, padding) behind it."""

    out: int
    kernel: int = 3
    stride: int = 1
    padding: int | None = None
    groups: int = 1
    pool: tuple[int, int, int] | None = None

    @property
    def pad(self) -> int:
        """Pixels of padding on each side."""
        return self.kernel // 2 if self.padding is None else self.padding

    def side(self, side: int) -> int:
        """Pixels of a side of what comes out."""
        for kernel, stride, padding in ((self.kernel, self.stride, self.pad), self.pool or (1, 1, 0)):
            side = (side + 2 * padding - kernel) // stride + 1 if side + 2 * padding >= kernel else 0
        return side


@dataclass(frozen=True)
class Chain:
    """A net: its convolutions, its hidden dense layers, whether its float form has batch norms."""

    name: str
    convs: tuple[Conv, ...]
    dense: tuple[int, ...] = (4096, 4096)
    normed: bool = False

    def build(self, make: LayerMaker, num_classes: int, in_chans: int, input_size: int, width: float, dropout: float,
              mean: Sequence[float] | float, std: Sequence[float] | float) -> nn.Sequential:  # fmt: skip
        """The net. Raises RangeError unless width keeps 8 channels, ShapeError for pictures the pools use up."""
        fewest = min(conv.out for conv in self.convs)
        if fewest * width < FEWEST_CHANNELS:
            raise RangeError(self.name, "width", got=width, expected=f"at least {FEWEST_CHANNELS / fewest:.4g}")
        sides = [input_size]
        for conv in self.convs:
            sides.append(conv.side(sides[-1]))
        if min(sides) < 1:
            raise ShapeError(self.name, "input_size", got=input_size, expected=f"at least {self.smallest}")
        plain = not make.binary and not self.normed
        outs = [int(conv.out * width) // 2 * 2 for conv in self.convs]  # even, for two groups
        layers: Layers = [("pixels", make.pixels(in_chans, mean, std)), *self._stem(make, in_chans, outs[0], plain)]
        for i, (conv, (channels, out)) in enumerate(zip(self.convs[1:], pairwise(outs), strict=True)):
            layers.append((f"block{i + 1}", nn.Sequential(OrderedDict(_block(make, conv, channels, out, plain)))))
        hidden = [int(size * width) for size in self.dense]
        layers += _dense(make, outs[-1], sides[-1], hidden, dropout, plain)
        return nn.Sequential(OrderedDict([*layers, ("scores", make.last_linear(hidden[-1], num_classes, real=True))]))

    @property
    def smallest(self) -> int:
        """The smallest picture that leaves a pixel."""
        size, fits = 0, False
        while not fits:
            size, side = size + 1, size + 1
            for conv in self.convs:
                side = conv.side(side)
            fits = side >= 1
        return size

    def _stem(self, make: LayerMaker, in_chans: int, out: int, plain: bool) -> Layers:
        conv = self.convs[0]
        first = make.first_conv(in_chans, out, conv.kernel, padding=conv.pad, bias=plain, stride=conv.stride)
        norm = [] if plain else [("norm", make.norm(out))]
        act = make.activation(out) if _late(make) else nn.ReLU()
        return [("stem", first), *norm, ("act", act), *_pool(conv)]


def _late(make: LayerMaker) -> bool:
    """Whether signs are taken at the end of a block."""
    return make.scheme.signed and make.scheme.order == "cbap"


def _pool(conv: Conv) -> Layers:
    return [("pool", nn.MaxPool2d(*conv.pool))] if conv.pool else []


def _block(make: LayerMaker, conv: Conv, channels: int, out: int, plain: bool) -> Layers:
    """A hidden convolution with what stands around it; see the table above."""
    late = _late(make)
    layer = make.hidden_conv(channels, out, conv.kernel, padding=conv.pad, bias=plain, stride=conv.stride, signed=late,
                             groups=conv.groups)  # fmt: skip
    if plain:
        return [("conv", layer), ("act", nn.ReLU()), *_pool(conv)]
    if make.scheme.signed and not late:
        return [("norm", make.norm(channels)), ("conv", layer), ("act", make.nonlinearity(out)), *_pool(conv)]
    return [("conv", layer), ("norm", make.norm(out)), ("act", make.activation(out)), *_pool(conv)]


def _dense(make: LayerMaker, channels: int, side: int, hidden: Sequence[int], dropout: float, plain: bool) -> Layers:
    """The hidden dense layers; real numbers leave them, rectified unless the scores are binary and take signs.

    Dropout stands before each, on signs where they read signs.
    """
    signed = make.scheme.signed
    layers: Layers = []
    if signed and not _late(make):
        layers += [("fc1_norm", make.norm(channels)), ("fc1_act", make.activation(channels))]
    layers.append(("flatten", nn.Flatten()))
    features = channels * side * side
    for i, size in enumerate(hidden, start=1):
        layers += [(f"drop{i}", nn.Dropout(dropout) if dropout else nn.Identity()),
                   (f"fc{i}", make.hidden_linear(features, size, signed=True, bias=plain))]  # fmt: skip
        last, features = i == len(hidden), size
        name = "last" if last else f"fc{i + 1}"
        layers += [] if plain else [(f"{name}_norm", make.norm1d(size))]
        reads_signs = signed and make.scheme.last == "binary"
        layers.append((f"{name}_act", (nn.Identity() if reads_signs else nn.ReLU()) if last else make.activation(size)))
    return layers
