"""BinaryResNetE-18: Bi-Real's residuals, with a normalised stem and a ReLU before the mean.

Source: Bethge et al. 2019 (Back to Simplicity); larq-zoo's BinaryResNetE18 (58.32 %, 11,699,368 numbers,
4.03 MiB), whose quantizers are signs with a window of 1.25.

stem      7x7 conv of stride 2 -> norm -> ReLU -> 3x3 max-pool of stride 2 -> norm
residual  as in ``bireal.py``: [sign] conv -> norm -> + x; where the size halves, x through means, 1x1 conv and norm
end       ReLU -> mean over the picture -> scores

Deviates: the stem's paddings are PyTorch's, symmetric; latent weights are clipped to 1 where a recipe clips, not to
1.25.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

from torch import nn

from ..nn.quantizers import ActivationQuantizer, WeightQuantizer
from ..nn.schemes import Scheme
from .bireal import BLOCKS_18, HALVED, WIDTHS, stages
from .maker import layer_maker
from .sizes import check_sizes

METHOD = "bnn[first=float, last=float, weight.clip=1.25, activation.clip=1.25]"


def binary_resnet_e18(
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
    """Stem, sixteen residuals of one convolution each, ReLU, the mean over the picture, float scores.

    width: multiplies all channel counts. stem: ``imagenet`` as above; ``cifar``: a 3x3 convolution alone.
    Raises RangeError unless width keeps at least 8 channels and for another stem, ShapeError unless the size is a
    multiple of 32 (``cifar``: 8).
    """
    check_sizes("binary_resnet_e18", width=width, narrowest=WIDTHS[0], stem=stem, halved=HALVED, input_size=input_size)
    make = layer_maker(method, weight, activation)
    first = int(WIDTHS[0] * width)
    layers: list[tuple[str, nn.Module]] = [("pixels", make.pixels(in_chans, mean, std))]
    if stem == "imagenet":
        layers += [("stem", make.first_conv(in_chans, first, 7, padding=3, stride=2)), ("norm", make.norm(first)),
                   ("act", nn.ReLU()), ("pool", nn.MaxPool2d(3, 2, 1)), ("pool_norm", make.norm(first))]  # fmt: skip
    else:
        layers.append(("stem", make.first_conv(in_chans, first, 3, padding=1)))
    layers += [*stages(make, BLOCKS_18, width),
               ("last_act", nn.Identity() if make.scheme.last == "binary" else nn.ReLU()),
               ("mean", nn.AdaptiveAvgPool2d(1)), ("flatten", nn.Flatten()),
               ("scores", make.last_linear(int(WIDTHS[-1] * width), num_classes, real=True))]  # fmt: skip
    return nn.Sequential(OrderedDict(layers))
