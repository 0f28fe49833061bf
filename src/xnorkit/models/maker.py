"""How a network's layers are made under a scheme.

A builder asks for "the first convolution", "a hidden dense layer", "the scores" and stays the same for every scheme.

>>> LayerMaker(find_scheme("xnor")).hidden_linear(800, 500).weight_quantizer
Xnor(gradient='exact', clip=1.0, strict=False, scale='filter', centre=False, clamp=False)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from torch import nn

from ..errors import ShapeError
from ..nn.functional import PIXEL_MAX
from ..nn.layers import (
    BinaryActivation,
    BinaryConv2d,
    BinaryLinear,
    FewBitConv2d,
    FewBitLinear,
    Int8Conv2d,
    Int8Linear,
    Pixels,
    RPReLU,
    ShiftBatchNorm1d,
    ShiftBatchNorm2d,
)
from ..nn.quantizers import ActivationQuantizer, WeightQuantizer, activation_quantizer, weight_quantizer
from ..nn.schemes import Scheme, find_scheme


def layer_maker(
    method: str | Scheme,
    weight: str | WeightQuantizer | None = None,
    activation: str | ActivationQuantizer | None = None,
) -> LayerMaker:
    """Layers of a scheme, its quantizers of hidden layers replaced where ``weight`` or ``activation`` say so."""
    scheme = find_scheme(method)
    if not scheme.binary:
        return LayerMaker(scheme)
    changes: dict[str, object] = {} if weight is None else {"weight": weight_quantizer(weight)}
    if activation is not None:
        changes["activation"] = activation_quantizer(activation)
    return LayerMaker(scheme.variant(changes))


@dataclass(frozen=True)
class LayerMaker:
    """Layers of one scheme."""

    scheme: Scheme

    @property
    def binary(self) -> bool:
        """Whether hidden layers have few-bit weights."""
        return self.scheme.binary

    def pixels(self, in_chans: int, mean: Sequence[float] | float, std: Sequence[float] | float) -> nn.Module:
        """What stands before the first layer: normalisation for a float one; integer layers take pixels."""
        if self.scheme.first != "float":
            return nn.Identity()
        return Pixels(per_channel("mean", mean, in_chans), per_channel("std", std, in_chans))

    def first_conv(self, in_chans: int, out: int, kernel: int, padding: int = 0, bias: bool = False,
                   stride: int = 1) -> nn.Module:  # fmt: skip
        """The convolution that reads the image."""
        size = {"kernel_size": kernel, "padding": padding, "stride": stride}
        if self.scheme.first == "float":
            return nn.Conv2d(in_chans, out, **size, bias=bias)
        if self.scheme.first == "planes":
            return FewBitConv2d(in_chans, out, **size, weight=self._weight, activation="pixels")
        return Int8Conv2d(in_chans, out, **size)

    def first_linear(self, features: int, out: int, bias: bool = False) -> nn.Module:
        """The dense layer that reads the flattened image."""
        if self.scheme.first == "float":
            return nn.Linear(features, out, bias=bias)
        if self.scheme.first == "planes":
            return FewBitLinear(features, out, weight=self._weight, activation="pixels")
        return Int8Linear(features, out, bias=False, input_scale=1 / PIXEL_MAX)

    def hidden_conv(self, channels: int, out: int, kernel: int, padding: int = 0, bias: bool = False, stride: int = 1,
                    signed: bool = False, pad_value: int = 0, groups: int = 1) -> nn.Module:  # fmt: skip
        """A hidden convolution; it quantizes its input itself, unless that is ``signed``: -1/+1 already.

        pad_value: what a padded tap of signs contributes; 0 all the same under a K, and where no signs are read.
        """
        size = {"kernel_size": kernel, "padding": padding, "stride": stride, "groups": groups}
        if not self.binary:
            return nn.Conv2d(channels, out, **size, bias=bias)
        if not self.scheme.signed:
            return FewBitConv2d(channels, out, **size, **self._quantizers, activation=self.scheme.activation)
        activation = None if signed else self.scheme.activation
        kmap, gate = (self.scheme.kmap, self.scheme.gate) if not signed else (False, 0)
        return BinaryConv2d(channels, out, **size, **self._quantizers, activation=activation, kmap=kmap, gate=gate,
                            pad_value=0 if kmap else pad_value)  # fmt: skip

    def hidden_linear(self, features: int, out: int, signed: bool = False, bias: bool = False) -> nn.Module:
        """A hidden dense layer. ``signed``: its input is -1/+1 already (a ``sign()`` stands before the flatten)."""
        if not self.binary:
            return nn.Linear(features, out, bias=bias)
        if not self.scheme.signed:
            return FewBitLinear(features, out, **self._quantizers, activation=self.scheme.activation)
        activation = None if signed else self.scheme.activation
        return BinaryLinear(features, out, **self._quantizers, activation=activation)

    def last_linear(self, features: int, out: int, real: bool = False) -> nn.Module:
        """The scores, with bias; a binary last layer has a batch norm in its place.

        real: its input must stay real numbers (a mean over the picture): float weights in place of int8 ones, which
        read signs.
        """
        if self.scheme.last == "binary":
            return nn.Sequential(self.hidden_linear(features, out), self.norm1d(out))
        if self.scheme.last == "float" or real:
            return nn.Linear(features, out)
        return Int8Linear(features, out, activation=self.scheme.activation if self.scheme.signed else "sign")

    def last_conv(self, channels: int, out: int) -> nn.Module:
        """The scores at each place as a 1x1 convolution of real numbers; as ``last_linear`` with ``real``."""
        if self.scheme.last == "binary":
            return nn.Sequential(self.hidden_conv(channels, out, 1), self.norm(out))
        return nn.Conv2d(channels, out, 1)

    def sign(self, channels: int = 1) -> nn.Module:
        """The activation where no binary layer follows at once (before a flatten): the scheme's, or ReLU."""
        return BinaryActivation(self.scheme.activation, channels) if self.scheme.signed else nn.ReLU()

    def activation(self, channels: int) -> nn.Module:
        """What ends a block in the order C-B-A-P: signs, or floats, which a layer on codes quantizes itself."""
        if self.scheme.signed:
            return BinaryActivation(self.scheme.activation, channels)
        return self.nonlinearity(channels)

    def nonlinearity(self, channels: int) -> nn.Module:
        """The scheme's nonlinearity on floats."""
        made = {"none": nn.Identity, "relu": nn.ReLU, "prelu": lambda: nn.PReLU(channels),
                "rprelu": lambda: RPReLU(channels)}[self.scheme.nonlinearity]()  # fmt: skip
        return made

    def norm(self, channels: int) -> nn.Module:
        """The batch norm behind a convolution."""
        return ShiftBatchNorm2d(channels) if self.scheme.norm == "shift" else nn.BatchNorm2d(channels)

    def norm1d(self, features: int) -> nn.Module:
        """The batch norm behind a dense layer."""
        return ShiftBatchNorm1d(features) if self.scheme.norm == "shift" else nn.BatchNorm1d(features)

    @property
    def _quantizers(self) -> dict[str, Any]:
        """Of a hidden layer: weight and gradient."""
        return {"weight": self._weight, "gradient": self.scheme.gradient}

    @property
    def _weight(self) -> WeightQuantizer:
        assert self.scheme.weight is not None
        return self.scheme.weight


def per_channel(name: str, value: Sequence[float] | float, channels: int) -> list[float]:
    """One number a channel; a single number is repeated. Raises ShapeError when the count differs.

    >>> per_channel("mean", 0.5, 3)
    [0.5, 0.5, 0.5]
    """
    numbers = [float(value)] * channels if isinstance(value, (int, float)) else [float(v) for v in value]
    if len(numbers) != channels:
        raise ShapeError("model", name, got=len(numbers), expected=f"{channels} numbers, or one")
    return numbers
