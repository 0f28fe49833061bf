"""SFC and LFC: FINN's nets of three hidden dense layers, all binary (Umuroglu et al. 2017, sec. 5.1), on 28x28 pixels.

fp32    pixels -> (dense -> norm -> ReLU) three times -> scores
binary  first layer of the scheme on pixels -> norm -> [sign] dense -> norm -> [sign] dense -> norm -> [sign] scores

Deviates: the source reads pixels as signs; here the first layer reads 8-bit pixels (``bnn[first=planes, last=binary]``
leaves no float or int8 weight). Dropout of the source's training (0.2 of pixels, 0.5) is an option.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

from torch import nn

from ..errors import RangeError
from ..nn.quantizers import ActivationQuantizer, WeightQuantizer
from ..nn.schemes import Scheme
from .maker import layer_maker
from .sizes import FEWEST_CHANNELS

HIDDEN = 3
METHOD = "bnn[first=planes, last=binary]"


def fc(
    method: str | Scheme,
    num_classes: int,
    in_chans: int,
    *,
    input_size: int = 28,
    neurons: int = 1024,
    dropout: float = 0.0,
    mean: Sequence[float] | float = 0.5,
    std: Sequence[float] | float = 0.5,
    weight: str | WeightQuantizer | None = None,
    activation: str | ActivationQuantizer | None = None,
) -> nn.Sequential:
    """Three hidden dense layers of ``neurons``, then the scores.

    neurons: 256 is SFC (334,336 weights at 28x28x1 and 10 classes), 1024 LFC (2,910,208). dropout: share of the
    inputs of all hidden layers but the first dropped in training. Raises RangeError below 8 neurons.
    """
    if neurons < FEWEST_CHANNELS:
        raise RangeError("fc", "neurons", got=neurons, expected=f"at least {FEWEST_CHANNELS}")
    make = layer_maker(method, weight, activation)
    layers: list[tuple[str, nn.Module]] = [("pixels", make.pixels(in_chans, mean, std)), ("flatten", nn.Flatten())]
    features = in_chans * input_size * input_size
    for i in range(1, HIDDEN + 1):
        if i > 1:
            layers.append((f"drop{i}", nn.Dropout(dropout) if dropout else nn.Identity()))
        dense = make.first_linear(features, neurons) if i == 1 else make.hidden_linear(features, neurons)
        layers += [(f"fc{i}", dense), (f"norm{i}", make.norm1d(neurons))]
        if not make.scheme.signed:
            layers.append((f"act{i}", make.nonlinearity(neurons)))
        features = neurons
    return nn.Sequential(OrderedDict([*layers, ("scores", make.last_linear(neurons, num_classes))]))
