"""AlexNet as XNOR-Net has it, as torchvision has it ("one weird trick"), and as Caffe has it, with two groups.

Source: Krizhevsky et al. 2012, without local response norm; Krizhevsky 2014 (64-192-384-256-256 channels). XNOR-Net:
Rastegari et al. 2016, sec. 4.2; github.com/allenai/XNOR-Net, models/alexnetxnor.lua (44.2 % top-1 on ImageNet) and
models/alexnet.lua (BWN 56.8 %, float 56.6 %): no groups, batch norms in the float net, too.

Blocks: see ``chain.py``. Deviates: XNOR-Net's convolutions have no bias, which a batch norm takes away again.
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import nn

from ..errors import RangeError
from ..nn.quantizers import ActivationQuantizer, WeightQuantizer
from ..nn.schemes import Scheme
from .chain import Chain, Conv
from .maker import layer_maker

_POOL = (3, 2, 0)
LAYOUTS = {
    "xnor": Chain("alexnet", (Conv(96, 11, 4, 2, pool=_POOL), Conv(256, 5, pool=_POOL), Conv(384), Conv(384),
                              Conv(256, pool=_POOL)), normed=True),
    "torchvision": Chain("alexnet", (Conv(64, 11, 4, 2, pool=_POOL), Conv(192, 5, pool=_POOL), Conv(384), Conv(256),
                                     Conv(256, pool=_POOL))),
    "caffe": Chain("alexnet", (Conv(96, 11, 4, 0, pool=_POOL), Conv(256, 5, groups=2, pool=_POOL), Conv(384),
                               Conv(384, groups=2), Conv(256, groups=2, pool=_POOL))),
}  # fmt: skip


def alexnet(
    method: str | Scheme,
    num_classes: int,
    in_chans: int,
    *,
    layout: str = "xnor",
    input_size: int = 224,
    width: float = 1.0,
    dropout: float = 0.0,
    mean: Sequence[float] | float = 0.5,
    std: Sequence[float] | float = 0.5,
    weight: str | WeightQuantizer | None = None,
    activation: str | ActivationQuantizer | None = None,
) -> nn.Sequential:
    """11x11 stem of stride 4, four hidden convolutions, two hidden dense layers of 4096, float scores.

    layout    published for    parameters at 1000 classes, multiply-adds
    xnor          224x224      62,378,344 without batch norms; 1,135,256,096
    torchvision   224x224      61,100,840; 714,188,480
    caffe         227x227      60,965,224; 724,406,816

    width: multiplies all channel counts. dropout: share of the inputs of the two hidden dense layers dropped in
    training, signs where they read signs; XNOR-Net's source has 0.1 for BWN, none for XNOR.
    Raises RangeError for another layout and unless width keeps at least 8 channels, ShapeError for small images.
    """
    if layout not in LAYOUTS:
        raise RangeError("alexnet", "layout", got=layout, expected=f"one of {tuple(LAYOUTS)}")
    make = layer_maker(method, weight, activation)
    return LAYOUTS[layout].build(make, num_classes, in_chans, input_size, width, dropout, mean, std)
