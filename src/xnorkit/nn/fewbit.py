"""Operators of layers with few-bit weights on codes or floats, as a packed file computes them; the rest as in
``functional``.

=================================  ====================================================================================
``xnorkit::quantize(x, ...)``      codes floor(fl(x * scale) + bias) clipped to 0..2^bits - 1
``xnorkit::powers(x, ...)``        2^round(log2 x) from 2^(top - 2^bits + 2) up to 2^top, or 0
``xnorkit::wconv2d(...)``          acc = conv2d(v, weight), v the values of the codes x, or float32 x; zero padding
``xnorkit::wdense(...)``           acc = v @ weight.T
=================================  ====================================================================================

Weights are integers: -1/+1, ternary, odd, or within -127..127; codes are 0..2^bits - 1, worth themselves or, ``odd``,
2q - (2^bits - 1).
With codes the accumulator is an exact integer; with float32 it is a rounded sum.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from .functional import conv2d_accumulate, conv_shape, dense_accumulate, dense_shape, epilogue, rounding_dtype

REAL = 0
"""``activation_bits`` of float32 inputs."""


def largest_product(weight_bits: int, activation_bits: int) -> int:
    """Largest |weight * value| of integers of these widths."""
    return ((1 << weight_bits) - 1) * ((1 << activation_bits) - 1)


def code_values(x: Tensor, bits: int, odd: bool) -> Tensor:
    """What codes are worth in units: themselves, or the odd integers around zero; floats (``bits`` REAL) themselves."""
    return 2 * x - ((1 << bits) - 1) if odd and bits != REAL else x


@torch.library.custom_op("xnorkit::quantize", mutates_args=())
def quantize(x: Tensor, scale: float, bias: float, bits: int) -> Tensor:
    """Codes ``floor(fl(x * scale) + bias)`` clipped to 0..2^bits - 1, in the dtype of x."""
    return codes(x, scale, bias, bits)


def codes(x: Tensor, scale: float, bias: float, bits: int) -> Tensor:
    """The same without an operator around it.

    >>> codes(torch.tensor([-1.0, 0.5, 0.51, 9.0]), 3, 0.5, 2).tolist()
    [0.0, 2.0, 2.0, 3.0]
    """
    return (x * scale + bias).floor().clamp(0, (1 << bits) - 1)


def exponents(x: Tensor) -> Tensor:
    """round(log2|x|), halves up; -inf at 0.

    >>> exponents(torch.tensor([0.3, 1.5, -5.0])).tolist()
    [-2.0, 1.0, 2.0]
    """
    return (x.abs().log2() + 0.5).floor()


def power_values(x: Tensor, bits: int, top: int) -> Tensor:
    """``2^e``, ``e = min(round(log2 x), top)``; 0 for x <= 0 and below the 2^bits - 1 powers that there are.

    >>> power_values(torch.tensor([-1.0, 0.3, 0.8, 3.0]), 2, 1).tolist()
    [0.0, 0.0, 1.0, 2.0]
    """
    e = exponents(x).clamp(max=top)
    lowest = top - (1 << bits) + 2
    return torch.where((x > 0) & (e >= lowest), torch.exp2(e), torch.zeros_like(x))


@torch.library.custom_op("xnorkit::powers", mutates_args=())
def powers(x: Tensor, bits: int, top: int) -> Tensor:
    """``power_values``, in the dtype of x."""
    return power_values(x, bits, top)


def wconv2d_sum(x: Tensor, weight: Tensor, stride: Sequence[int], padding: Sequence[int], dilation: Sequence[int],
                groups: int, weight_bits: int, activation_bits: int, training: bool = False) -> Tensor:  # fmt: skip
    """The accumulator of values x: exact integers, or, with ``activation_bits`` REAL, float sums.

    training: under autocast the sums are rounded to its dtype and returned in it.
    """
    if activation_bits == REAL:
        dtype = rounding_dtype(x, training) or weight.dtype
        with torch.autocast(x.device.type, enabled=False):
            return F.conv2d(x.to(dtype), weight.to(dtype), None, tuple(stride), tuple(padding), tuple(dilation), groups)
    largest = largest_product(weight_bits, activation_bits)
    return conv2d_accumulate(x, weight, stride, padding, dilation, groups, largest_product=largest, training=training)


def wdense_sum(x: Tensor, weight: Tensor, weight_bits: int, activation_bits: int, training: bool = False) -> Tensor:
    """The accumulator of a dense layer, as ``wconv2d_sum``."""
    if activation_bits == REAL:
        dtype = rounding_dtype(x, training) or weight.dtype
        with torch.autocast(x.device.type, enabled=False):
            return F.linear(x.to(dtype), weight.to(dtype))
    return dense_accumulate(x, weight, largest_product(weight_bits, activation_bits), training)


@torch.library.custom_op("xnorkit::wconv2d", mutates_args=())
def wconv2d(
    x: Tensor,
    weight: Tensor,
    scale: Tensor,
    bias: Tensor | None,
    stride: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int],
    groups: int,
    weight_bits: int,
    activation_bits: int,
    odd: bool,
) -> Tensor:
    """``conv2d(values of x, weight) * scale (+ bias)``: ``(N, C, H, W) -> (N, O, Ho, Wo)``."""
    v = code_values(x, activation_bits, odd)
    acc = wconv2d_sum(v, weight, stride, padding, dilation, groups, weight_bits, activation_bits)
    return epilogue(acc, scale, bias, 1)


@torch.library.custom_op("xnorkit::wdense", mutates_args=())
def wdense(x: Tensor, weight: Tensor, scale: Tensor, bias: Tensor | None, weight_bits: int, activation_bits: int,
           odd: bool) -> Tensor:  # fmt: skip
    """``values of x @ weight.T * scale (+ bias)``: ``(N, C) -> (N, O)``."""
    acc = wdense_sum(code_values(x, activation_bits, odd), weight, weight_bits, activation_bits)
    return epilogue(acc, scale, bias, -1)


@quantize.register_fake
def _(x: Tensor, scale: float, bias: float, bits: int) -> Tensor:
    return torch.empty_like(x)


@powers.register_fake
def _(x: Tensor, bits: int, top: int) -> Tensor:
    return torch.empty_like(x)


@wconv2d.register_fake
def _(
    x: Tensor,
    weight: Tensor,
    scale: Tensor,
    bias: Tensor | None,
    stride: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int],
    groups: int,
    weight_bits: int,
    activation_bits: int,
    odd: bool,
) -> Tensor:
    return conv_shape(x, weight, stride, padding, dilation, groups)


@wdense.register_fake
def _(x: Tensor, weight: Tensor, scale: Tensor, bias: Tensor | None, weight_bits: int, activation_bits: int,
      odd: bool) -> Tensor:  # fmt: skip
    return dense_shape(x, weight)
