"""VGG of 11, 13, 16 and 19 layers (Simonyan and Zisserman 2015): 3x3 convolutions, a 2x2 pool after each stage.

Blocks: see ``chain.py``; the float net has no batch norm, as published.
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import nn

from ..errors import RangeError
from ..nn.quantizers import ActivationQuantizer, WeightQuantizer
from ..nn.schemes import Scheme
from .chain import Chain, Conv
from .maker import layer_maker

WIDTHS = (64, 128, 256, 512, 512)
DEPTHS = {11: (1, 1, 2, 2, 2), 13: (2, 2, 2, 2, 2), 16: (2, 2, 3, 3, 3), 19: (2, 2, 4, 4, 4)}
"""Layers with weights, three of them dense -> convolutions in each stage (table 1, columns A, B, D, E)."""


def convolutions(depth: int) -> tuple[Conv, ...]:
    """Of a depth of the table.

    >>> len(convolutions(16)), convolutions(11)[0]
    (13, Conv(out=64, kernel=3, stride=1, padding=None, groups=1, pool=(2, 2, 0)))
    """
    return tuple(Conv(out, pool=(2, 2, 0) if i == count else None)
                 for out, count in zip(WIDTHS, DEPTHS[depth], strict=True) for i in range(1, count + 1))  # fmt: skip


def vgg(
    method: str | Scheme,
    num_classes: int,
    in_chans: int,
    *,
    depth: int = 16,
    input_size: int = 224,
    width: float = 1.0,
    dropout: float = 0.0,
    mean: Sequence[float] | float = 0.5,
    std: Sequence[float] | float = 0.5,
    weight: str | WeightQuantizer | None = None,
    activation: str | ActivationQuantizer | None = None,
) -> nn.Sequential:
    """13 hidden and stem convolutions at depth 16, two hidden dense layers of 4096, float scores.

    width: multiplies all channel counts; at 1 the float nets have 132,863,336 (11), 133,047,848 (13), 138,357,544 (16)
    and 143,667,240 (19) parameters for 224x224x3 and 1000 classes. dropout: share of the inputs of the hidden dense
    layers dropped in training; 0.5 in the paper.
    Raises RangeError for another depth and unless width keeps at least 8 channels, ShapeError for small images.
    """
    if depth not in DEPTHS:
        raise RangeError("vgg", "depth", got=depth, expected=f"one of {tuple(DEPTHS)}")
    make = layer_maker(method, weight, activation)
    chain = Chain(f"vgg{depth}", convolutions(depth))
    return chain.build(make, num_classes, in_chans, input_size, width, dropout, mean, std)
