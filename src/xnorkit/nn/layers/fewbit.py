"""Few-bit weights on real numbers or on codes: BinaryConnect, BWN, ternary, k-bit and bit-plane layers.

``y = acc * (scale * unit) (+ bias)``: on codes acc is an exact integer, on real inputs a float32 sum. The state_dict is
that of the float layer, and what the quantizers learn.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ...errors import RangeError, ShapeError
from ..fewbit import REAL, wconv2d, wconv2d_sum, wdense, wdense_sum
from ..functional import epilogue
from ..quantizers.backward import GradientQuantizer
from ..quantizers.base import ActivationQuantizer, WeightQuantizer
from ..quantizers.table import activation_quantizer, weight_quantizer
from .binary import sides, zero_padding_only
from .int8 import check_integers
from .state import REAL_WEIGHT, QuantizedModule


class _FewBit(QuantizedModule):
    """What the two layers share: their quantizers and what the operators need to know of them."""

    def _adopt(self, weight: str | WeightQuantizer, activation: str | ActivationQuantizer, channels: int,
               gradient: str | GradientQuantizer | None) -> None:  # fmt: skip
        quantizer = activation_quantizer(activation)
        if quantizer.levels == "signs":
            raise RangeError(type(self).__name__, "activation", got=quantizer.name, expected="real values or codes",
                             hint="use BinaryConv2d or BinaryLinear")  # fmt: skip
        self.adopt(weight_quantizer(weight), quantizer, channels, gradient)

    @property
    def _integers(self) -> tuple[int, int]:
        """(weight bits, activation bits) of the accumulator; activation bits are REAL for float sums."""
        assert self.weight_quantizer is not None and self.activation_quantizer is not None
        real = self.activation_quantizer.levels == "real" or self.weight_quantizer.width == REAL_WEIGHT
        return self.weight_quantizer.width, REAL if real else self.activation_quantizer.width

    def _parts(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """(values of the input, values of the weight, scale of a product); checks pixels. An exported layer that packs
        takes the operand in place of the values."""
        assert self.activation_quantizer is not None
        if self.activation_quantizer.name == "pixels" and not torch.compiler.is_exporting():
            check_integers(type(self).__name__, x)
        values, scale = self.quantized_weight()
        taken = self.operand(x) if torch.compiler.is_exporting() and self._packs else self.quantized_input(x)
        return taken, values, scale * self.activation_quantizer.unit

    @property
    def _odd(self) -> bool:
        return self.activation_quantizer is not None and self.activation_quantizer.levels == "odd codes"

    @property
    def _packs(self) -> bool:
        """Whether a packed layer can hold the weight's values."""
        return not self._real_weight


class FewBitConv2d(_FewBit, nn.Conv2d):
    """``y = conv2d(values of x, values of W) * (scale[o] * unit) (+ bias[o])``: ``(N, C, H, W) -> (N, O, Ho, Wo)``.

    Parameters are those of ``torch.nn.Conv2d`` (bias defaults to False; zero padding: a padded tap adds nothing), and
    weight: row of QUANTIZERS or an object; activation: ``"real"`` (floats as they are), ``"pixels"`` (raw pixels as
    eight bit planes), or a quantizer to codes; gradient: as for BinaryConv2d.

    Raises RangeError for a quantizer to signs (see BinaryConv2d), string paddings, or pixels that are none.

    >>> FewBitConv2d(1, 8, 3, weight="sign", activation="pixels")(torch.randint(0, 256, (2, 1, 5, 5)).float()).shape
    torch.Size([2, 8, 3, 3])
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int | tuple[int, int],
        stride: int | tuple[int, int] = 1,
        padding: int | tuple[int, int] = 0,
        dilation: int | tuple[int, int] = 1,
        groups: int = 1,
        bias: bool = False,
        *,
        weight: str | WeightQuantizer = "xnor",
        activation: str | ActivationQuantizer = "real",
        gradient: str | GradientQuantizer | None = None,
        **kwargs: Any,
    ) -> None:
        zero_padding_only("FewBitConv2d", padding, kwargs)
        super().__init__(in_channels, out_channels, kernel_size, stride, padding, dilation, groups, bias, **kwargs)
        self._adopt(weight, activation, in_channels, gradient)

    def forward(self, x: Tensor) -> Tensor:
        if x.ndim != 4 or x.shape[1] != self.in_channels:
            raise ShapeError("FewBitConv2d", "input", got=tuple(x.shape), expected=f"(N, {self.in_channels}, H, W)")
        geometry = (self.stride, sides(self.padding), self.dilation, self.groups)
        q, values, scale = self._parts(x)
        if torch.compiler.is_exporting():
            if self._packs:
                return wconv2d(q, values, scale, self.bias, *geometry, *self._integers, self._odd)
            return F.conv2d(q, values * scale.view(-1, 1, 1, 1), self.bias, *geometry)
        acc = wconv2d_sum(q, values, *geometry, *self._integers, self.training)
        return self.returned(epilogue(acc, scale, self.bias, 1))

    def extra_repr(self) -> str:
        return super().extra_repr() + self.quantizers()


class FewBitLinear(_FewBit, nn.Linear):
    """``y = values of x @ values of W.T * (scale[o] * unit) (+ bias[o])``: ``(N, C) -> (N, O)``.

    Parameters are those of ``torch.nn.Linear`` (bias defaults to False); quantizers as for FewBitConv2d.

    >>> FewBitLinear(800, 500, weight="sign")(torch.randn(2, 800)).shape
    torch.Size([2, 500])
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        bias: bool = False,
        *,
        weight: str | WeightQuantizer = "xnor",
        activation: str | ActivationQuantizer = "real",
        gradient: str | GradientQuantizer | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(in_features, out_features, bias, **kwargs)
        self._adopt(weight, activation, in_features, gradient)

    def forward(self, x: Tensor) -> Tensor:
        if x.shape[-1] != self.in_features:
            raise ShapeError("FewBitLinear", "input", got=tuple(x.shape), expected=f"(N, {self.in_features})")
        q, values, scale = self._parts(x)
        if torch.compiler.is_exporting():
            if self._packs:
                return wdense(q, values, scale, self.bias, *self._integers, self._odd)
            return F.linear(q, values * scale.view(-1, 1), self.bias)
        acc = wdense_sum(q, values, *self._integers, self.training)
        return self.returned(epilogue(acc, scale, self.bias, -1))

    def extra_repr(self) -> str:
        return super().extra_repr() + self.quantizers()
