"""Binary convolution and dense layers: drop-in for nn.Conv2d and nn.Linear, +-1 on both sides, integer accumulators.

``y = acc * scale (+ bias)``, ``acc = op(quantized x, quantized weight)``: the scale never enters the sum, so the packed
engine finds the same integers. The state_dict is that of the float layer; its checkpoints load.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ...errors import RangeError, ShapeError
from ...reference.conventions import PAD_VALUES
from ..functional import (
    bconv2d,
    bdense,
    conv2d_accumulate,
    dense_accumulate,
    epilogue,
    input_magnitude,
    kmap,
    rounding_dtype,
    sign,
)
from ..quantizers.backward import GradientQuantizer
from ..quantizers.base import ActivationQuantizer, WeightQuantizer
from ..quantizers.ste import Sign
from ..quantizers.table import activation_quantizer, weight_quantizer
from .gate import ChannelGate
from .state import REAL_WEIGHT, QuantizedModule

_IDENTITY_GRADIENT = Sign(clip=None)


def one_bit_weight(where: str, spec: str | WeightQuantizer) -> WeightQuantizer:
    """The weight quantizer of a binary layer: one bit, or real numbers for a stage of its training.

    Raises RangeError for what lies between.
    """
    quantizer = weight_quantizer(spec)
    if quantizer.width not in (1, REAL_WEIGHT):
        raise RangeError(where, "weight", got=quantizer.name, expected="a one-bit quantizer, or real weights",
                         hint="use FewBitConv2d or FewBitLinear, Int8Conv2d or Int8Linear")  # fmt: skip
    return quantizer


def input_quantizer(spec: str | ActivationQuantizer | None) -> ActivationQuantizer:
    """``None``: the input is -1/+1 already; sign is still taken (it changes nothing), its gradient the identity.

    Raises RangeError for a quantizer whose values are not signs.
    """
    quantizer = _IDENTITY_GRADIENT if spec is None else activation_quantizer(spec)
    if quantizer.levels != "signs":
        raise RangeError("binary layer", "activation", got=quantizer.name, expected="a quantizer to -1/+1",
                         hint="use FewBitConv2d or FewBitLinear")  # fmt: skip
    return quantizer


def zero_padding_only(where: str, padding: Any, kwargs: dict[str, Any]) -> None:
    """Raises RangeError for string paddings and for a ``padding_mode`` other than zeros."""
    if isinstance(padding, str):
        raise RangeError(where, "padding", got=repr(padding), expected="an int or (height, width)")
    mode = kwargs.pop("padding_mode", "zeros")
    if mode != "zeros":
        raise RangeError(where, "padding_mode", got=mode, expected="zeros",
                         hint="binary layers have pad_value=0, 1 or -1")  # fmt: skip


def sides(padding: str | tuple[int, ...]) -> tuple[int, ...]:
    """The (height, width) padding of a layer. Raises RangeError for a string that was set after construction."""
    if isinstance(padding, str):
        raise RangeError("conv2d", "padding", got=repr(padding), expected="(height, width)")
    return padding


class BinaryConv2d(QuantizedModule, nn.Conv2d):
    """``y = conv2d(sign(x), sign(W)) (* K[h, w]) * scale[o] (+ bias[o])``: ``(N, C, H, W) -> (N, O, Ho, Wo)``.

    Parameters are those of ``torch.nn.Conv2d`` (bias defaults to False: a batch norm follows), and
    pad_value: what a padded tap contributes: 0 (PyTorch's meaning), +1 or -1.
    weight: row of QUANTIZERS, or an object: ``"xnor"`` (alpha = mean|W|), ``"sign"`` (no scale), or ``"real"``: real
        weights on signs, the first stage of ReActNet's and Real-to-Binary's training; they pack as float32 layers.
    activation: ``"sign"``, an object such as ``Sign(clip=1.3)``, or None when the input is -1/+1 already.
    kmap: multiply by XNOR-Net's K, the box-filtered mean of |x| over channels (sec. 3.2); its gradient reaches x too.
        For pad_value 0, one group and inputs that are not signs yet.
    gradient: row of QUANTIZERS, or an object, that quantizes the gradient of the output before the layer's backward
        takes it: ``"max-sign"``, ``"dorefa"``; None leaves it.
    gate: multiply each output channel by Real-to-Binary's G(x), see ChannelGate; the reduction of its two dense layers,
        0 for none.

    Put a batch norm before it and pool after it (XNOR-Net's B-A-C-P block): a max-pool of signs is mostly +1.
    Under autocast a layer in training forms its sums in autocast's dtype, as every layer does; in evaluation autocast
    does not touch them.

    Raises RangeError for other pad values, string paddings, wider weights, or a K without meaning.
    Source: Rastegari et al. 2016, Courbariaux et al. 2016.

    >>> layer = BinaryConv2d(3, 8, 3, padding=1, pad_value=-1)
    >>> layer(torch.randn(2, 3, 5, 5)).shape
    torch.Size([2, 8, 5, 5])
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
        pad_value: int = 0,
        weight: str | WeightQuantizer = "xnor",
        activation: str | ActivationQuantizer | None = "sign",
        kmap: bool = False,
        gradient: str | GradientQuantizer | None = None,
        gate: int = 0,
        **kwargs: Any,
    ) -> None:
        if pad_value not in PAD_VALUES:
            raise RangeError("BinaryConv2d", "pad_value", got=pad_value, expected=PAD_VALUES)
        zero_padding_only("BinaryConv2d", padding, kwargs)
        super().__init__(in_channels, out_channels, kernel_size, stride, padding, dilation, groups, bias, **kwargs)
        if kmap and (pad_value != 0 or groups != 1 or activation is None):
            raise RangeError("BinaryConv2d", "kmap", got=f"{pad_value=}, {groups=}, {activation=}",
                             expected="pad_value 0, one group, an input that is binarized here")  # fmt: skip
        if gate < 0 or (gate and activation is None):
            raise RangeError("BinaryConv2d", "gate", got=f"{gate=}, {activation=}",
                             expected="a reduction, or 0; an input that is binarized here")  # fmt: skip
        self.pad_value, self.kmap = pad_value, kmap
        self.gate = ChannelGate(in_channels, out_channels, gate).to(self.weight) if gate else None
        self.adopt(one_bit_weight("BinaryConv2d", weight), input_quantizer(activation), in_channels, gradient)

    def forward(self, x: Tensor) -> Tensor:
        if x.ndim != 4 or x.shape[1] != self.in_channels:
            raise ShapeError("BinaryConv2d", "input", got=tuple(x.shape), expected=f"(N, {self.in_channels}, H, W)")
        geometry = (self.stride, sides(self.padding), self.dilation, self.groups, self.pad_value)
        values, scale = self.quantized_weight()
        window = (self.kernel_size, *geometry[:3])
        if self._real_weight:
            y = self._real_sum(x, values * scale.view(-1, 1, 1, 1))
            y = y * input_magnitude(x.to(values.dtype), *window) if self.kmap else y
            return self._gated(self.returned(y if self.bias is None else y + self.bias.view(-1, 1, 1)), x)
        if torch.compiler.is_exporting():
            factor = kmap(x, *window) if self.kmap else None
            return self._gated(bconv2d(self.operand(x), values, scale, self.bias, *geometry, factor), x)
        acc = conv2d_accumulate(self.quantized_input(x), values, *geometry, training=self.training)
        if self.kmap:
            with torch.autocast(x.device.type, enabled=False):
                acc = (acc * input_magnitude(x.to(scale.dtype), *window)).to(acc.dtype)
        return self._gated(self.returned(epilogue(acc, scale, self.bias, 1)), x)

    def _real_sum(self, x: Tensor, weight: Tensor) -> Tensor:
        """Signs of x times real weights, padded taps of ``pad_value``: ``(N, O, Ho, Wo)`` in the weight's dtype."""
        exporting = torch.compiler.is_exporting()
        q = sign(self.operand(x)) if exporting else self.quantized_input(x).to(weight.dtype)
        ph, pw = sides(self.padding)
        if self.pad_value:
            q, ph, pw = F.pad(q, (pw, pw, ph, ph), value=float(self.pad_value)), 0, 0
        if exporting:
            return F.conv2d(q, weight, None, self.stride, (ph, pw), self.dilation, self.groups)
        dtype = rounding_dtype(x, self.training) or weight.dtype
        with torch.autocast(x.device.type, enabled=False):
            return F.conv2d(q.to(dtype), weight.to(dtype), None, self.stride, (ph, pw), self.dilation, self.groups)

    def _gated(self, y: Tensor, x: Tensor) -> Tensor:
        if self.gate is None:
            return y
        gate = self.gate(x)
        return y * (gate if gate.dtype == y.dtype else gate.to(y.dtype))

    def extra_repr(self) -> str:
        kmap = ", kmap=True" if self.kmap else ""
        return f"{super().extra_repr()}, pad_value={self.pad_value}{self.quantizers()}{kmap}"


class BinaryLinear(QuantizedModule, nn.Linear):
    """``y = sign(x) @ sign(W).T * scale[o] (+ bias[o])``: ``(N, C) -> (N, O)``.

    Parameters are those of ``torch.nn.Linear`` (bias defaults to False); ``weight``, ``activation``, ``gradient`` as
    for BinaryConv2d.

    >>> BinaryLinear(800, 500)(torch.randn(2, 800)).shape
    torch.Size([2, 500])
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        bias: bool = False,
        *,
        weight: str | WeightQuantizer = "xnor",
        activation: str | ActivationQuantizer | None = "sign",
        gradient: str | GradientQuantizer | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(in_features, out_features, bias, **kwargs)
        self.adopt(one_bit_weight("BinaryLinear", weight), input_quantizer(activation), in_features, gradient)

    def forward(self, x: Tensor) -> Tensor:
        if x.shape[-1] != self.in_features:
            raise ShapeError("BinaryLinear", "input", got=tuple(x.shape), expected=f"(N, {self.in_features})")
        values, scale = self.quantized_weight()
        if self._real_weight:
            if torch.compiler.is_exporting():
                return F.linear(sign(self.operand(x)), values * scale.view(-1, 1), self.bias)
            q, dtype = self.quantized_input(x), rounding_dtype(x, self.training) or values.dtype
            with torch.autocast(x.device.type, enabled=False):
                y = F.linear(q.to(dtype), (values * scale.view(-1, 1)).to(dtype))
            return self.returned(y if self.bias is None else y + self.bias)
        if torch.compiler.is_exporting():
            return bdense(self.operand(x), values, scale, self.bias)
        acc = dense_accumulate(self.quantized_input(x), values, training=self.training)
        return self.returned(epilogue(acc, scale, self.bias, -1))

    def extra_repr(self) -> str:
        return super().extra_repr() + self.quantizers()
