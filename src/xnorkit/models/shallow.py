"""A shallow net: one hidden dense layer, with a linear bottleneck before it.

Ba and Caruana 2014 (Do Deep Nets Really Need to be Deep?), sec. 2.3: W of H x D is learned as U V, V of k x D, which is
quicker to learn.

fp32    pixels -> k (linear) -> hidden -> ReLU -> scores
binary  first layer of the scheme on pixels -> norm -> [sign] dense hidden -> norm -> [sign] scores; without a
        bottleneck: first layer -> norm -> [sign] scores
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


def shallow(
    method: str | Scheme,
    num_classes: int,
    in_chans: int,
    *,
    input_size: int = 28,
    hidden: int = 2000,
    bottleneck: int = 100,
    mean: Sequence[float] | float = 0.5,
    std: Sequence[float] | float = 0.5,
    weight: str | WeightQuantizer | None = None,
    activation: str | ActivationQuantizer | None = None,
) -> nn.Sequential:
    """One hidden layer of ``hidden`` units.

    bottleneck: linear units before it, 0 for none: k (D + H) weights in place of H D (at 28x28x1 and 10 classes 300,410
    parameters in all in place of 1,590,010). Raises RangeError below 8 units.
    """
    for name, count in (("hidden", hidden), ("bottleneck", bottleneck or FEWEST_CHANNELS)):
        if count < FEWEST_CHANNELS:
            raise RangeError("shallow", name, got=count, expected=f"at least {FEWEST_CHANNELS}")
    make = layer_maker(method, weight, activation)
    signed = make.scheme.signed
    layers: list[tuple[str, nn.Module]] = [("pixels", make.pixels(in_chans, mean, std)), ("flatten", nn.Flatten())]
    features = in_chans * input_size * input_size
    if bottleneck:
        layers.append(("bottleneck", make.first_linear(features, bottleneck)))
        layers += [("norm0", make.norm1d(bottleneck))] if signed else []
        layers.append(("hidden", make.hidden_linear(bottleneck, hidden, bias=not signed)))
    else:
        layers.append(("hidden", make.first_linear(features, hidden, bias=not signed)))
    layers.append(("norm1", make.norm1d(hidden)) if signed else ("relu", nn.ReLU()))
    return nn.Sequential(OrderedDict([*layers, ("scores", make.last_linear(hidden, num_classes))]))
