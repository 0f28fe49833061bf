"""ZFNet: AlexNet with a finer stem, 7x7 of stride 2 (Zeiler and Fergus 2014), without contrast normalisation.

Blocks: see ``chain.py``. Sizes as the paper's figure 3 has them: 110, 55, 26, 13, 6 pixels a side.
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import nn

from ..nn.quantizers import ActivationQuantizer, WeightQuantizer
from ..nn.schemes import Scheme
from .chain import Chain, Conv
from .maker import layer_maker

_POOL = (3, 2, 1)
ZFNET = Chain("zfnet", (Conv(96, 7, 2, 1, pool=_POOL), Conv(256, 5, 2, 0, pool=_POOL), Conv(384), Conv(384),
                        Conv(256, pool=(3, 2, 0))))  # fmt: skip


def zfnet(
    method: str | Scheme,
    num_classes: int,
    in_chans: int,
    *,
    input_size: int = 224,
    width: float = 1.0,
    dropout: float = 0.0,
    mean: Sequence[float] | float = 0.5,
    std: Sequence[float] | float = 0.5,
    weight: str | WeightQuantizer | None = None,
    activation: str | ActivationQuantizer | None = None,
) -> nn.Sequential:
    """7x7 stem of stride 2, four hidden convolutions, two hidden dense layers of 4096, float scores.

    width: multiplies all channel counts; at 1 the float net has 62,357,608 parameters and 1,168,032,896 multiply-adds
    for 224x224x3 and 1000 classes. dropout: share of the inputs of the hidden dense layers dropped in training.
    Raises RangeError unless width keeps at least 8 channels, ShapeError for small images.
    """
    make = layer_maker(method, weight, activation)
    return ZFNET.build(make, num_classes, in_chans, input_size, width, dropout, mean, std)
