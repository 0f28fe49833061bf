"""BinaryDenseNet-28: every layer reads all features of its stage, float 1x1 convolutions stand between the stages.

Source: Bethge et al. 2019 (Back to Simplicity): growth 64, no bottlenecks, stages of 6, 6, 6 and 5
layers, divided by 2.7, 2.7 and 2.2 between them and rounded to 32 channels; larq-zoo's BinaryDenseNet28 (60.91 %,
5,150,504 numbers), whose quantizers are signs with a window of 1.3.

stage        layers  norm -> [sign] 3x3 conv, 64 filters -> joined to what it read
transition           norm -> 2x2 max-pool -> ReLU -> float 1x1 conv

Deviates: the stem's and the pools' paddings are PyTorch's, symmetric (TensorFlow's "same" pads an even picture only
at its end); latent weights are clipped to 1 where a recipe clips, not to 1.3.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

from torch import nn

from ..nn.quantizers import ActivationQuantizer, WeightQuantizer
from ..nn.schemes import Scheme
from .dense import Dense, head, transition
from .maker import layer_maker
from .sizes import check_sizes

STEM = 64
GROWTH = 64
LAYERS = (6, 6, 6, 5)
REDUCTIONS = (2.7, 2.7, 2.2)
ROUNDED = 32
METHOD = "bnn[first=float, last=float, weight.clip=1.3, activation.clip=1.3]"
HALVED = {"imagenet": 32, "cifar": 8}


def binary_densenet28(
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
    """Stem, four stages of densely joined 3x3 convolutions, the mean over the picture, float scores.

    width: multiplies stem, growth and what transitions round to; 1 is the net of the paper.
    stem: ``imagenet``: 7x7 of stride 2, norm, ReLU and a 3x3 max-pool of stride 2; ``cifar``: 3x3 alone.
    Raises RangeError unless width keeps at least 8 channels and for another stem, ShapeError unless the size is a
    multiple of 32 (``cifar``: 8).
    """
    check_sizes("binary_densenet28", width=width, narrowest=GROWTH, stem=stem, halved=HALVED, input_size=input_size)
    make = layer_maker(method, weight, activation)
    channels, growth, rounded = int(STEM * width), int(GROWTH * width), max(1, int(ROUNDED * width))
    layers: list[tuple[str, nn.Module]] = [("pixels", make.pixels(in_chans, mean, std))]
    if stem == "imagenet":
        layers += [("stem", make.first_conv(in_chans, channels, 7, padding=3, stride=2)), ("norm", make.norm(channels)),
                   ("act", nn.ReLU()), ("pool", nn.MaxPool2d(3, 2, 1))]  # fmt: skip
    else:
        layers.append(("stem", make.first_conv(in_chans, channels, 3, padding=1)))
    for i, count in enumerate(LAYERS):
        stage = [Dense(make, channels + j * growth, growth) for j in range(count)]
        channels += count * growth
        layers.append((f"stage{i + 1}", nn.Sequential(*stage)))
        if i < len(REDUCTIONS):
            out = round(channels // REDUCTIONS[i] / rounded) * rounded
            layers.append((f"transition{i + 1}", transition(make, channels, out)))
            channels = out
    return nn.Sequential(OrderedDict([*layers, *head(make, channels, num_classes)]))
