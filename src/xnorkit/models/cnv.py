"""CNV: FINN's CIFAR-10 net, 3x3 convolutions without padding, which a +-1 domain has no zero for.

Source: Umuroglu et al. 2017 (FINN), 64-64-MP-128-128-MP-256-256 and 512-512-10 dense; Brevitas' CNV (84.22 % with
one-bit weights and activations). Deviates: the ends are those of the scheme (in the source the first layer is binary
and reads 8-bit pixels: ``bnn[first=planes,last=binary]``), the scores have a bias or a batch norm instead of one scale.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

from torch import nn

from ..errors import RangeError, ShapeError
from ..nn.quantizers import ActivationQuantizer, WeightQuantizer
from ..nn.schemes import Scheme
from .maker import LayerMaker, layer_maker

STAGES = ((64, 64), (128, 128), (256, 256))
DENSE = (512, 512)
SMALLEST = 30


def cnv(
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
    """Six 3x3 convolutions (no padding), a 2x2 max-pool of activations after the second and fourth, three dense layers.

    width: multiplies all channel counts; 1 is the net of the source (1,542,848 weights at 32x32x3).
    Raises RangeError unless width keeps at least 8 channels, ShapeError for images below 30x30.
    """
    if STAGES[0][0] * width < 8:
        raise RangeError("cnv", "width", got=width, expected=f"at least {8 / STAGES[0][0]}")
    if input_size < SMALLEST:
        raise ShapeError("cnv", "input_size", got=input_size, expected=f"at least {SMALLEST}")
    make = layer_maker(method, weight, activation)
    layers: list[tuple[str, nn.Module]] = [("pixels", make.pixels(in_chans, mean, std))]
    channels, side, number = in_chans, input_size, 0
    for i, stage in enumerate(STAGES):
        for size in stage:
            number, out, side = number + 1, int(size * width), side - 2
            hidden = make.hidden_conv(channels, out, 3, signed=True) if number > 1 else None
            layers += [(f"conv{number}", hidden or make.first_conv(channels, out, 3)),
                       (f"norm{number}", make.norm(out)), (f"act{number}", make.activation(out))]  # fmt: skip
            channels = out
        if i < len(STAGES) - 1:
            layers.append((f"pool{i + 1}", nn.MaxPool2d(2)))
            side //= 2
    layers += [("flatten", nn.Flatten()), *_dense(make, channels * side * side, width, num_classes)]
    return nn.Sequential(OrderedDict(layers))


def _dense(make: LayerMaker, features: int, width: float, num_classes: int) -> list[tuple[str, nn.Module]]:
    """The hidden dense layers, each with its batch norm and activation, and the scores; signs come in."""
    layers: list[tuple[str, nn.Module]] = []
    for i, size in enumerate(DENSE):
        out = int(size * width)
        layers += [(f"fc{i + 1}", make.hidden_linear(features, out, signed=True)),
                   (f"fc{i + 1}_norm", make.norm1d(out))]  # fmt: skip
        features = out
        if i < len(DENSE) - 1:
            layers.append((f"fc{i + 1}_act", make.activation(out)))
        elif not make.scheme.signed:
            layers.append((f"fc{i + 1}_act", make.nonlinearity(out)))
    return [*layers, ("scores", make.last_linear(features, num_classes))]
