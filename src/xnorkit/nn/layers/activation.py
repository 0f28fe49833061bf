"""Layers without weights: the sign between two binary layers, and the door for pixels of float networks."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ...errors import RangeError, ShapeError
from ..functional import PIXEL_MAX
from ..quantizers.base import ActivationQuantizer
from ..quantizers.table import activation_quantizer
from .state import QuantizedModule


class BinaryActivation(QuantizedModule):
    """A quantizer as a module: ``sign(x)`` with its straight-through gradient, or codes times their unit.

    ``(N, C, ...)`` in and out. activation: row of QUANTIZERS, or an object. channels: C, for quantizers
    that learn (a threshold per channel).

    >>> BinaryActivation()(torch.tensor([-0.3, 0.0, 0.3]))
    tensor([-1.,  1.,  1.])
    """

    def __init__(self, activation: str | ActivationQuantizer = "sign", channels: int = 1) -> None:
        super().__init__()
        self.adopt(None, activation_quantizer(activation), channels)

    def forward(self, x: Tensor) -> Tensor:
        assert self.activation_quantizer is not None
        unit = self.activation_quantizer.unit
        return self.quantized_input(x) if unit == 1 else self.quantized_input(x) * unit

    def extra_repr(self) -> str:
        return self.quantizers().removeprefix(", ")


class Pixels(nn.Module):
    """Pixels 0..255 to normalised floats: ``x * scale[c] + bias[c]``, ``scale = 1/(255 std)``, ``bias = -mean/std``.

    ``(N, C, H, W)`` in and out; mean and std are per channel, in units of 0..1. The first layer of a float network, so
    that every xnorkit model takes raw pixels and the normalisation travels in the packed file.

    >>> Pixels([0.5], [0.5])(torch.tensor([0.0, 255.0]).view(1, 1, 1, 2)).flatten()
    tensor([-1.,  1.])
    """

    def __init__(self, mean: Sequence[float], std: Sequence[float]) -> None:
        super().__init__()
        if len(mean) != len(std) or not len(mean):
            raise ShapeError("Pixels", "mean and std", got=(len(mean), len(std)), expected="one number a channel each")
        if any(not s > 0 for s in std):
            raise RangeError("Pixels", "std", got=list(std), expected="positive numbers")
        self.register_buffer("scale", torch.tensor([1 / (PIXEL_MAX * s) for s in std]).view(1, -1, 1, 1))
        self.register_buffer("bias", torch.tensor([-m / s for m, s in zip(mean, std, strict=True)]).view(1, -1, 1, 1))

    scale: Tensor
    bias: Tensor

    def forward(self, x: Tensor) -> Tensor:
        return x * self.scale + self.bias

    def extra_repr(self) -> str:
        return f"channels={self.scale.numel()}"
