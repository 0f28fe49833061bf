"""THE METHOD TABLE: how a network's layers are made under a method. One row each.

A builder asks for "the first convolution", "a hidden dense layer", "the logits" and stays the same for every method.
Under the binary methods the first layer is int8 on raw pixels and the last is int8 on signs, so that the whole network
is integer sums, thresholds and one final scale; its packed form gives the same logits, bit for bit.

>>> LayerMaker(METHODS["xnor"]).hidden_linear(800, 500).weight_quantizer
Xnor(gradient='exact', clip=1.0, strict=False)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from torch import nn

from ..errors import ShapeError
from ..nn.functional import PIXEL_MAX
from ..nn.layers import BinaryActivation, BinaryConv2d, BinaryLinear, Int8Conv2d, Int8Linear, Pixels
from ..nn.quantizers import ActivationQuantizer, WeightQuantizer


@dataclass(frozen=True)
class Method:
    """A row. ``weight``: row of QUANTIZERS for hidden weights; None: everything stays float32."""

    name: str
    doc: str
    weight: str | None


METHODS: dict[str, Method] = {
    row.name: row
    for row in (
        Method("fp32", "float32 weights and activations: the twin every method is measured against", None),
        Method("xnor", "XNOR-Net: sign activations, weights sign(W) * mean|W| per output filter", "xnor"),
        Method("bnn", "BNN: sign activations, weights sign(W); latent weights clipped to [-1, 1]", "sign"),
    )
}


@dataclass(frozen=True)
class LayerMaker:
    """Layers of one method. ``weight`` and ``activation`` replace the method's quantizers (binary methods only)."""

    method: Method
    weight: str | WeightQuantizer | None = None
    activation: str | ActivationQuantizer = "sign"

    @property
    def binary(self) -> bool:
        """Whether hidden layers are binary."""
        return self.method.weight is not None

    @property
    def hidden_weight(self) -> str | WeightQuantizer:
        """The weight quantizer of hidden layers."""
        return self.weight or self.method.weight or "xnor"

    def pixels(self, in_chans: int, mean: Sequence[float] | float, std: Sequence[float] | float) -> nn.Module:
        """What stands before the first layer: normalisation for float nets; int8 layers take pixels."""
        if self.binary:
            return nn.Identity()
        return Pixels(per_channel("mean", mean, in_chans), per_channel("std", std, in_chans))

    def first_conv(self, in_chans: int, out: int, kernel: int, padding: int = 0, bias: bool = False) -> nn.Module:
        """The convolution that reads the image."""
        if self.binary:
            return Int8Conv2d(in_chans, out, kernel, padding=padding)
        return nn.Conv2d(in_chans, out, kernel, padding=padding, bias=bias)

    def first_linear(self, features: int, out: int, bias: bool = False) -> nn.Module:
        """The dense layer that reads the flattened image."""
        if self.binary:
            return Int8Linear(features, out, bias=False, input_scale=1 / PIXEL_MAX)
        return nn.Linear(features, out, bias=bias)

    def hidden_conv(self, channels: int, out: int, kernel: int, padding: int = 0, bias: bool = False) -> nn.Module:
        """A hidden convolution; a binary one takes the sign of its input itself."""
        if self.binary:
            return BinaryConv2d(channels, out, kernel, padding=padding, weight=self.hidden_weight,
                                activation=self.activation)  # fmt: skip
        return nn.Conv2d(channels, out, kernel, padding=padding, bias=bias)

    def hidden_linear(self, features: int, out: int, signed: bool = False, bias: bool = False) -> nn.Module:
        """A hidden dense layer. ``signed``: its input is -1/+1 already (a ``sign()`` stands before the flatten)."""
        if self.binary:
            activation = None if signed else self.activation
            return BinaryLinear(features, out, weight=self.hidden_weight, activation=activation)
        return nn.Linear(features, out, bias=bias)

    def last_linear(self, features: int, out: int) -> nn.Module:
        """The logits, with bias."""
        return Int8Linear(features, out, activation=self.activation) if self.binary else nn.Linear(features, out)

    def sign(self) -> nn.Module:
        """The activation where no binary layer follows at once (before a flatten): sign, or ReLU in float nets."""
        return BinaryActivation(self.activation) if self.binary else nn.ReLU()


def per_channel(name: str, value: Sequence[float] | float, channels: int) -> list[float]:
    """One number a channel; a single number is repeated. Raises ShapeError when the count differs.

    >>> per_channel("mean", 0.5, 3)
    [0.5, 0.5, 0.5]
    """
    numbers = [float(value)] * channels if isinstance(value, (int, float)) else [float(v) for v in value]
    if len(numbers) != channels:
        raise ShapeError("model", name, got=len(numbers), expected=f"{channels} numbers, or one")
    return numbers
