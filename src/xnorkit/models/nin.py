"""Network in Network under XNOR-Net's blocks: the CIFAR-10 net of XNOR-Net-PyTorch.

Source: Lin et al. 2014 (Network In Network); github.com/jiecaoyu/XNOR-Net-PyTorch, CIFAR_10/models/nin.py (86.28 %
binary, 89.67 % float). Deviates: batch norms are affine throughout and their gammas are free; hidden convolutions have
no bias. Shortcuts and block orders of a scheme have no place here.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

from torch import nn

from ..errors import RangeError, ShapeError
from ..nn.quantizers import ActivationQuantizer, WeightQuantizer
from ..nn.schemes import Scheme
from .maker import LayerMaker, layer_maker

STEM = 192
PARTS: tuple[tuple[tuple[int, int], ...], ...] = (((160, 1), (96, 1)), ((192, 5), (192, 1), (192, 1)),
                                                  ((192, 3), (192, 1)))  # fmt: skip
"""Channels and kernel of the blocks between the pools."""
DROPOUT = 0.5


def _block(make: LayerMaker, channels: int, out: int, kernel: int, drop: bool) -> nn.Sequential:
    """norm -> [activation] (dropout) convolution -> ReLU (or the scheme's own nonlinearity).

    Dropout stands behind the signs; where a convolution needs the real numbers (K, a gate), and where there are no
    signs, before the norm.
    """
    scheme = make.scheme
    after = nn.ReLU() if scheme.nonlinearity == "none" else make.nonlinearity(out)
    signs = drop and scheme.signed and not (scheme.kmap or scheme.gate)
    conv = make.hidden_conv(channels, out, kernel, padding=kernel // 2, signed=signs)
    dropped: list[tuple[str, nn.Module]] = [("drop", nn.Dropout(DROPOUT))] if drop else []
    norm: list[tuple[str, nn.Module]] = [("norm", make.norm(channels))]
    first = [*norm, ("sign", make.activation(channels)), *dropped] if signs else [*dropped, *norm]
    return nn.Sequential(OrderedDict([*first, ("conv", conv), ("act", after)]))


def nin(
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
    """5x5 stem, seven blocks with 1x1, 5x5 and 3x3 kernels, a max-pool and an average pool, 1x1 scores, their mean.

    width: multiplies all channel counts; 1 is the net of the source (965,568 weights at 32x32x3).
    Raises RangeError unless width keeps at least 8 channels, ShapeError for images below 4x4.
    """
    if PARTS[0][-1][0] * width < 8:
        raise RangeError("nin", "width", got=width, expected=f"at least {8 / PARTS[0][-1][0]:.4g}")
    if input_size < 4:
        raise ShapeError("nin", "input_size", got=input_size, expected="at least 4")
    make = layer_maker(method, weight, activation)
    channels = int(STEM * width)
    layers: list[tuple[str, nn.Module]] = [
        ("pixels", make.pixels(in_chans, mean, std)), ("stem", make.first_conv(in_chans, channels, 5, padding=2)),
        ("norm", make.norm(channels)), ("act", nn.ReLU()),
    ]  # fmt: skip
    pools = (nn.MaxPool2d(3, 2, 1), nn.AvgPool2d(3, 2, 1))
    for i, part in enumerate(PARTS):
        if i:
            layers.append((f"pool{i}", pools[i - 1]))
        for j, (out, kernel) in enumerate(part):
            layers.append(
                (f"block{i + 1}{'abc'[j]}", _block(make, channels, int(out * width), kernel, bool(i and not j)))
            )
            channels = int(out * width)
    layers += [("last_norm", make.norm(channels)), ("scores", make.last_conv(channels, num_classes)),
               ("last_act", nn.ReLU()), ("mean", nn.AdaptiveAvgPool2d(1)), ("flatten", nn.Flatten())]  # fmt: skip
    return nn.Sequential(OrderedDict(layers))
