"""BinaryNet: the VGG-like network of BinaryConnect and BNN, (2x128C3)-MP2-(2x256C3)-MP2-(2x512C3)-MP2-2x1024FC-classes.

Source: Courbariaux et al. 2015, 2016 (CIFAR-10 and, at half width, SVHN). Deviates: the papers binarize the first and
last weights too; here both are int8 (``nn.schemes``), cross entropy replaces the squared hinge loss in the recipes.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

from torch import nn

from ..errors import RangeError, ShapeError
from ..nn.quantizers import ActivationQuantizer, WeightQuantizer
from ..nn.schemes import Scheme
from .maker import layer_maker

STAGES = (128, 256, 512)
DENSE = 1024


def binarynet(
    method: str | Scheme,
    num_classes: int,
    in_chans: int,
    *,
    input_size: int = 32,
    width: float = 1.0,
    mean: Sequence[float] | float = 0.5,
    std: Sequence[float] | float = 0.5,
    weight: str | WeightQuantizer | None = None,
    activation: str | ActivationQuantizer | None = None,
) -> nn.Sequential:
    """Six 3x3 convolutions (padding 1) in three stages with a 2x2 max-pool each, two hidden dense layers, the logits.

    Every block is conv -> (pool) -> BN -> activation: the same chain as XNOR-Net's B-A-C-P, written from the other end.
    ``width`` multiplies all channel counts: 1 is the CIFAR-10 net (14,022,016 weights at 32x32x3), 0.5 the SVHN net.
    Images of at least 8x8. Raises RangeError unless width keeps at least 8 channels, ShapeError for smaller images.
    """
    if STAGES[0] * width < 8:
        raise RangeError("binarynet", "width", got=width, expected=f"at least {8 / STAGES[0]}")
    side = input_size // 8
    if side < 1:
        raise ShapeError("binarynet", "input_size", got=input_size, expected="at least 8")
    make = layer_maker(method, weight, activation)
    layers: list[tuple[str, nn.Module]] = [("pixels", make.pixels(in_chans, mean, std))]
    channels, hidden = in_chans, int(DENSE * width)
    for i in range(2 * len(STAGES)):
        out = int(STAGES[i // 2] * width)
        conv = make.hidden_conv(channels, out, 3, padding=1) if i else make.first_conv(channels, out, 3, padding=1)
        layers.append((f"conv{i + 1}", conv))
        if i % 2:
            layers.append((f"pool{i // 2 + 1}", nn.MaxPool2d(2)))
        layers.append((f"norm{i + 1}", make.norm(out)))
        last = i == 2 * len(STAGES) - 1
        if last or not make.scheme.signed:
            layers.append((f"act{i + 1}", make.sign()))
        channels = out
    layers += [("flatten", nn.Flatten()), ("fc1", make.hidden_linear(channels * side * side, hidden, signed=True)),
               ("norm7", make.norm1d(hidden))]  # fmt: skip
    if not make.scheme.signed:
        layers.append(("act7", nn.ReLU()))
    layers += [("fc2", make.hidden_linear(hidden, hidden)), ("norm8", make.norm1d(hidden))]
    if not make.scheme.signed:
        layers.append(("act8", nn.ReLU()))
    return nn.Sequential(OrderedDict([*layers, ("fc3", make.last_linear(hidden, num_classes))]))
