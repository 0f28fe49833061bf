"""AlexNet as XNOR-Net has it: 96-256-384-384-256 channels, no groups, no local response norm, batch norms.

Source: Rastegari et al. 2016 (XNOR-Net), sec. 4.2; github.com/allenai/XNOR-Net, models/alexnetxnor.lua (44.2 % top-1 on
ImageNet) and models/alexnet.lua (BWN 56.8 %, float 56.6 %).

scheme                   block
signs, order bacp        norm -> [sign] conv -> nonlinearity -> (pool)      (XNOR-Net; ``nonlinearity=relu``: with ReLU)
signs, order cbap        conv -> norm -> sign -> (pool)                     (the order XNOR-Net, table 3 argues against)
others                   conv -> norm -> nonlinearity -> (pool)

Deviates: convolutions have no bias, which a batch norm takes away again. Shortcuts of a scheme have no place here.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

from torch import nn

from ..errors import RangeError, ShapeError
from ..nn.quantizers import ActivationQuantizer, WeightQuantizer
from ..nn.schemes import Scheme
from .maker import LayerMaker, layer_maker

STEM = 96
BLOCKS = ((256, 5, True), (384, 3, False), (384, 3, False), (256, 3, True))
"""Channels, kernel, and whether a 3x3 max-pool of stride 2 follows."""
DENSE = 4096
SMALLEST = 63


def _block(make: LayerMaker, channels: int, out: int, kernel: int, pool: bool) -> nn.Sequential:
    """A hidden convolution with what stands around it; see the table above."""
    conv = make.hidden_conv(channels, out, kernel, padding=kernel // 2, signed=_late(make))
    if make.scheme.signed and not _late(make):
        parts: list[tuple[str, nn.Module]] = [
            ("norm", make.norm(channels)), ("conv", conv), ("act", make.nonlinearity(out))
        ]  # fmt: skip
    else:
        parts = [("conv", conv), ("norm", make.norm(out)), ("act", make.activation(out))]
    return nn.Sequential(OrderedDict([*parts, *([("pool", nn.MaxPool2d(3, 2))] if pool else [])]))


def _late(make: LayerMaker) -> bool:
    """Whether signs are taken at the end of a block."""
    return make.scheme.signed and make.scheme.order == "cbap"


def alexnet(
    method: str | Scheme,
    num_classes: int,
    in_chans: int,
    *,
    input_size: int = 224,
    width: float = 1.0,
    mean: Sequence[float] | float = 0.5,
    std: Sequence[float] | float = 0.5,
    dropout: float = 0.0,
    weight: str | WeightQuantizer | None = None,
    activation: str | ActivationQuantizer | None = None,
) -> nn.Sequential:
    """11x11 stem of stride 4, four binary convolutions, two binary dense layers of 4096, float scores.

    width: multiplies all channel counts; 1 is the net of the paper (62,367,776 weights at 224x224x3, 1000 classes).
    dropout: share of the inputs of the two hidden dense layers dropped in training, signs where they read signs; the
        source has 0.1 for BWN, none for XNOR.
    Raises RangeError unless width keeps at least 8 channels, ShapeError for images below 63x63.
    """
    if STEM * width < 8:
        raise RangeError("alexnet", "width", got=width, expected=f"at least {8 / STEM:.4g}")
    if input_size < SMALLEST:
        raise ShapeError("alexnet", "input_size", got=input_size, expected=f"at least {SMALLEST}")
    make = layer_maker(method, weight, activation)
    channels, hidden = int(STEM * width), int(DENSE * width)
    side = _pooled((input_size + 4 - 11) // 4 + 1)
    layers: list[tuple[str, nn.Module]] = [
        ("pixels", make.pixels(in_chans, mean, std)),
        ("stem", make.first_conv(in_chans, channels, 11, padding=2, stride=4)), ("norm", make.norm(channels)),
        ("act", make.activation(channels) if _late(make) else nn.ReLU()), ("pool", nn.MaxPool2d(3, 2)),
    ]  # fmt: skip
    for i, (size, kernel, pool) in enumerate(BLOCKS):
        layers.append((f"block{i + 1}", _block(make, channels, int(size * width), kernel, pool)))
        channels, side = int(size * width), _pooled(side) if pool else side
    layers += _dense(make, channels, side, hidden, dropout)
    return nn.Sequential(OrderedDict([*layers, ("scores", make.last_linear(hidden, num_classes, real=True))]))


def _dense(make: LayerMaker, channels: int, side: int, hidden: int, dropout: float) -> list[tuple[str, nn.Module]]:
    """The hidden dense layers; real numbers leave them, rectified unless the scores are binary and take signs."""
    signed, late = make.scheme.signed, _late(make)
    first = [("fc1_norm", make.norm(channels)), ("fc1_act", make.activation(channels))] if signed and not late else []
    drop = (lambda: nn.Dropout(dropout)) if dropout else nn.Identity
    scores_read_signs = signed and make.scheme.last == "binary"
    return [
        *first, ("flatten", nn.Flatten()),
        ("drop1", drop()), ("fc1", make.hidden_linear(channels * side * side, hidden, signed=True)),
        ("fc2_norm", make.norm1d(hidden)), ("fc2_act", make.activation(hidden)),
        ("drop2", drop()), ("fc2", make.hidden_linear(hidden, hidden, signed=True)),
        ("last_norm", make.norm1d(hidden)), ("last_act", nn.Identity() if scores_read_signs else nn.ReLU()),
    ]  # fmt: skip


def _pooled(side: int) -> int:
    return (side - 3) // 2 + 1
