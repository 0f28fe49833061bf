"""Which weights are compressed: those of dense layers and convolutions that are real numbers.

>>> list(float_layers(nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 2))))
['0', '2']
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

from torch import nn

from ..errors import RangeError, UnsupportedError
from ..nn.layers.state import QuantizedModule

Layer = nn.Linear | nn.Conv2d
T = TypeVar("T")


def float_layers(model: nn.Module) -> dict[str, Layer]:
    """Path -> dense layer or convolution with float weights, in order; layers with quantizers are left out.

    Raises UnsupportedError for a model without any.
    """
    found = {path: module for path, module in model.named_modules()
             if isinstance(module, (nn.Linear, nn.Conv2d)) and not isinstance(module, QuantizedModule)}  # fmt: skip
    if not found:
        raise UnsupportedError("compress", "no dense layer or convolution with float weights",
                               hint="binary layers are one bit a weight already; a scheme with first=float and "
                                    "last=float has float ends")  # fmt: skip
    return found


def per_layer(model: nn.Module, own: Mapping[str, T], rest: T | None, where: str) -> dict[str, T]:
    """A value for each float layer: its own, or ``rest`` where that is not None.

    Raises RangeError for a name that is none of the layers'.
    """
    layers = float_layers(model)
    if unknown := sorted(set(own) - set(layers)):
        raise RangeError(where, "layer", got=unknown[0], expected=f"one of {list(layers)}")
    chosen = {path: own.get(path, rest) for path in layers}
    return {path: value for path, value in chosen.items() if value is not None}
