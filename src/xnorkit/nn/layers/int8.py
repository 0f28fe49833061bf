"""int8 layers for the two ends of a network: pixels in, logits out, with integer sums like the binary layers."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from ...errors import RangeError, ShapeError
from ..functional import PIXEL_MAX, WEIGHT_MAX, conv2d_accumulate, dense_accumulate, epilogue, qconv2d, qdense
from ..quantizers.base import ActivationQuantizer, WeightQuantizer
from ..quantizers.table import activation_quantizer, weight_quantizer
from .binary import sides, zero_padding_only
from .state import QuantizedModule

LARGEST_PRODUCT = PIXEL_MAX * WEIGHT_MAX


def check_integers(where: str, x: Tensor, signs: bool = False) -> None:
    """Raises RangeError unless x holds integers 0..255 (or, with ``signs``, only -1/+1). Skipped while compiling."""
    if torch.compiler.is_compiling() or x.numel() == 0:
        return
    low, high = x.detach().aminmax()
    fits = (x == x.round()).all() & (low >= 0) & (high <= PIXEL_MAX)
    if not bool(fits) and not (signs and bool((x.abs() == 1).all())):
        expected, hint = "integers 0..255", "feed raw pixels: not x / 255, not normalised"
        if signs:
            expected, hint = expected + " or -1/+1", hint + "; or set activation='sign'"
        raise RangeError(where, "input", got=f"values in {low.item():g}..{high.item():g}", expected=expected, hint=hint)


def _positive(where: str, input_scale: float) -> float:
    if not input_scale > 0:
        raise RangeError(where, "input_scale", got=input_scale, expected="a positive number")
    return float(input_scale)


class Int8Conv2d(QuantizedModule, nn.Conv2d):
    """``y = conv2d(x, q) * (s[o] * input_scale) (+ bias[o])``, x raw pixels: ``(N, C, H, W) -> (N, O, Ho, Wo)``.

    q are the int8 weights of QUANTIZERS["weight", "int8"], s their scale per output channel. Parameters are those of
    ``torch.nn.Conv2d`` (bias defaults to False), and
    input_scale: what one unit of the input is worth; the default reads a pixel 0..255 as 0..1.
    weight: the weight quantizer, ``"int8"``.

    Raises RangeError when the input is not integers 0..255: already scaled pixels would train a different network than
    the one that is packed.

    >>> pixels = torch.randint(0, 256, (2, 1, 28, 28)).float()
    >>> Int8Conv2d(1, 20, 5)(pixels).shape
    torch.Size([2, 20, 24, 24])
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
        input_scale: float = 1 / PIXEL_MAX,
        weight: str | WeightQuantizer = "int8",
        **kwargs: Any,
    ) -> None:
        zero_padding_only("Int8Conv2d", padding, kwargs)
        super().__init__(in_channels, out_channels, kernel_size, stride, padding, dilation, groups, bias, **kwargs)
        self.input_scale = _positive("Int8Conv2d", input_scale)
        self.adopt(weight_quantizer(weight), None, in_channels)

    def forward(self, x: Tensor) -> Tensor:
        if x.ndim != 4 or x.shape[1] != self.in_channels:
            raise ShapeError("Int8Conv2d", "input", got=tuple(x.shape), expected=f"(N, {self.in_channels}, H, W)")
        geometry = (self.stride, sides(self.padding), self.dilation, self.groups)
        values, scale = self.quantized_weight()
        scale = scale * self.input_scale
        if torch.compiler.is_exporting():
            return qconv2d(x, values, scale, self.bias, *geometry)
        check_integers("Int8Conv2d", x)
        acc = conv2d_accumulate(x, values, *geometry, largest_product=LARGEST_PRODUCT, training=self.training)
        return epilogue(acc, scale, self.bias, 1)

    def extra_repr(self) -> str:
        return f"{super().extra_repr()}, input_scale={self.input_scale:g}, weight={self.weight_quantizer}"


class Int8Linear(QuantizedModule, nn.Linear):
    """``y = x @ q.T * (s[o] * input_scale) (+ bias[o])``: ``(N, C) -> (N, O)``; x are -1/+1, or raw pixels.

    Parameters are those of ``torch.nn.Linear`` (bias defaults to True: the logits have one), and
    activation: ``"sign"`` (or an object) binarizes the input first; None takes integers 0..255 or -1/+1 as they are.
    input_scale: what one unit of the input is worth: 1 for -1/+1, 1/255 for pixels.

    Raises RangeError when the input (after ``activation``) is not such integers.

    >>> Int8Linear(500, 10, activation="sign")(torch.randn(2, 500)).shape
    torch.Size([2, 10])
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        bias: bool = True,
        *,
        activation: str | ActivationQuantizer | None = None,
        input_scale: float = 1.0,
        weight: str | WeightQuantizer = "int8",
        **kwargs: Any,
    ) -> None:
        super().__init__(in_features, out_features, bias, **kwargs)
        self.input_scale = _positive("Int8Linear", input_scale)
        self.adopt(weight_quantizer(weight), None if activation is None else activation_quantizer(activation),
                   in_features)  # fmt: skip

    def forward(self, x: Tensor) -> Tensor:
        if x.shape[-1] != self.in_features:
            raise ShapeError("Int8Linear", "input", got=tuple(x.shape), expected=f"(N, {self.in_features})")
        values, scale = self.quantized_weight()
        scale = scale * self.input_scale
        x = self.quantized_input(x)
        if torch.compiler.is_exporting():
            return qdense(x, values, scale, self.bias)
        if self.activation_quantizer is None:
            check_integers("Int8Linear", x, signs=True)
        return epilogue(dense_accumulate(x, values, LARGEST_PRODUCT, self.training), scale, self.bias, -1)

    def extra_repr(self) -> str:
        return (f"{super().extra_repr()}, input_scale={self.input_scale:g}, weight={self.weight_quantizer}, "
                f"activation={self.activation_quantizer}")  # fmt: skip
