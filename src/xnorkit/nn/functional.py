"""What a layer computes: exact integer accumulators, the float epilogue, and one custom op per packed operation.

Every op is ``acc * scale[o] (+ bias[o])`` with two separate float32 roundings, where ``acc`` is an exact integer:

==============================  =======================================================================================
``xnorkit::sign(x)``            -1 where x < 0, else +1
``xnorkit::bconv2d(...)``       acc = conv2d(sign(x), sign(weight)); a padded tap contributes ``pad_value`` (0, +1, -1)
``xnorkit::kmap(...)``          XNOR-Net's K, by which ``bconv2d`` multiplies acc first where it is given
``xnorkit::bdense(...)``        acc = sign(x) @ sign(weight).T
``xnorkit::qconv2d(...)``       acc = conv2d(x, weight), x integers 0..255, weight integers -127..127, zero padding
``xnorkit::qdense(...)``        acc = x @ weight.T, x integers 0..255 or -1/+1, weight integers -127..127
==============================  =======================================================================================

Layers train through ordinary autograd and call the ops only while ``torch.export`` looks, so that an exported program
holds one node per layer. Both paths run ``conv2d_accumulate``/``dense_accumulate`` and ``epilogue`` below, so their
results are equal, not merely close. The ops have no gradient.

>>> x, weight = torch.tensor([[-0.5, 0.0, 2.0]]), torch.tensor([[0.3, -0.1, 0.7]])
>>> torch.ops.xnorkit.bdense(x, weight, torch.tensor([0.5]), None)      # (-1*1 + 1*-1 + 1*1) * 0.5
tensor([[-0.5000]])
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import product
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from ..errors import LimitError, ShapeError
from ..reference.bounds import float32_exact
from ..reference.conventions import PAD_VALUES
from ..reference.kmap import LANES
from ..reference.shapes import window_output

PIXEL_MAX, WEIGHT_MAX = 255, 127
"""Largest magnitudes of the integer inputs and of the int8 weights."""


class _Round(torch.autograd.Function):
    """Forward round(x), backward identity: heals the last bits a fast convolution algorithm may leave on integers."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return x.round()

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Tensor:
        return grads[0]


def rounded(x: Tensor) -> Tensor:
    """round(x) with the identity as its gradient."""
    y: Tensor = _Round.apply(x)  # type: ignore[no-untyped-call]
    return y


def sign_values(x: Tensor) -> Tensor:
    """-1 where x < 0, else +1, in the dtype of x (no gradient). Never ``torch.sign``, which keeps 0.

    >>> sign_values(torch.tensor([-2.0, -0.0, 0.0, float("nan")]))
    tensor([-1.,  1.,  1.,  1.])
    """
    # A comparison written as numbers: on a CPU, booleans take several times as long.
    return torch.lt(x.detach(), 0, out=torch.empty_like(x)).mul_(-2).add_(1)


def accumulator_dtype(fan_in: int, largest_product: int, dtype: torch.dtype) -> torch.dtype:
    """The dtype in which a sum of ``fan_in`` integer products is exact: ``dtype``, or float64 beyond 2^24.

    Raises LimitError when the sum could leave int32, the accumulator of the packed engine.

    >>> accumulator_dtype(800, 1, torch.float32), accumulator_dtype(784, 255 * 127, torch.float32)
    (torch.float32, torch.float64)
    """
    bound = fan_in * largest_product
    if bound >= 1 << 31:
        raise LimitError("accumulator", "largest sum", got=bound, expected="below 2^31")
    return dtype if float32_exact(bound) else torch.float64


def rounding_dtype(x: Tensor, training: bool, largest_sum: int = 0) -> torch.dtype | None:
    """Autocast's dtype where a layer in training forms its sums in it, rounding them; None where sums are as without.

    None outside training, outside autocast, and for sums beyond the dtype's range. The operands, integers of at most
    eight bits, are exact in every dtype.

    >>> with torch.autocast("cpu", torch.bfloat16):
    ...     rounding_dtype(torch.ones(1), True), rounding_dtype(torch.ones(1), False)
    (torch.bfloat16, None)
    """
    if not training or not torch.is_autocast_enabled(x.device.type):
        return None
    dtype = torch.get_autocast_dtype(x.device.type)
    return dtype if largest_sum <= torch.finfo(dtype).max else None


def _accumulate(form: Callable[[Tensor, Tensor], Tensor], x: Tensor, weight: Tensor, largest_product: int,
                training: bool) -> Tensor:  # fmt: skip
    fan_in = weight[0].numel()
    half = rounding_dtype(x, training, fan_in * largest_product)
    dtype = half or accumulator_dtype(fan_in, largest_product, weight.dtype)
    with torch.autocast(x.device.type, enabled=False):
        acc = form(x.to(dtype), weight.to(dtype))
    return acc if half else rounded(acc).to(weight.dtype)


def conv2d_accumulate(x: Tensor, weight: Tensor, stride: Sequence[int], padding: Sequence[int],
                      dilation: Sequence[int], groups: int, pad_value: int = 0, largest_product: int = 1,
                      training: bool = False) -> Tensor:  # fmt: skip
    """Exact integer convolution of integer-valued tensors, differentiable in both.

    x: ``(N, C, H, W)``; weight: ``(O, C/groups, kH, kW)``; returns ``(N, O, Ho, Wo)`` in the dtype of ``weight``.
    ``padding`` is (height, width), the same on both sides. A sum beyond 2^24 is formed in float64 and rounded once.
    training: under autocast the sums are rounded to its dtype and returned in it.
    """
    if pad_value not in PAD_VALUES:
        raise ShapeError("bconv2d", "pad_value", got=pad_value, expected=PAD_VALUES)
    ph, pw = padding
    if pad_value != 0 and (ph or pw):
        x, ph, pw = F.pad(x, (pw, pw, ph, ph), value=float(pad_value)), 0, 0
    window = (None, tuple(stride), (ph, pw), tuple(dilation), groups)
    return _accumulate(lambda x, weight: F.conv2d(x, weight, *window), x, weight, largest_product, training)


def dense_accumulate(x: Tensor, weight: Tensor, largest_product: int = 1, training: bool = False) -> Tensor:
    """Exact integer product of integer-valued tensors: x ``(..., C)``, weight ``(O, C)`` -> ``(..., O)``.

    training: as for ``conv2d_accumulate``.
    """
    return _accumulate(F.linear, x, weight, largest_product, training)


def input_magnitude(
    x: Tensor, kernel: Sequence[int], stride: Sequence[int], padding: Sequence[int], dilation: Sequence[int]
) -> Tensor:
    """XNOR-Net's K ``(N, 1, Ho, Wo)`` of ``(N, C, H, W)``: mean of |x| over channels, then over the window.

    Additions in the order of ``reference.kmap``, so that packed floats are these; the gradient is autograd's. Divisors
    are tensors on x's device, because a GPU divides by a number through its reciprocal.

    >>> x = torch.tensor([[1.0, -3.0], [0.0, 4.0]]).T.reshape(1, 2, 2, 1)
    >>> input_magnitude(x, (3, 1), (1, 1), (1, 0), (1, 1)).flatten()
    tensor([1.3333, 1.3333])
    """
    n, channels, h, w = x.shape
    parts = F.pad(x.abs(), (0, 0, 0, 0, 0, -channels % LANES)).reshape(n, -1, LANES, h, w)
    sums = parts[:, 0]
    for index in range(1, parts.shape[1]):
        sums = sums + parts[:, index]
    while sums.shape[1] > 1:
        half = sums.shape[1] // 2
        sums = sums[:, :half] + sums[:, half:]
    (ph, pw), (kh, kw), (sh, sw), (dh, dw) = padding, kernel, stride, dilation
    ho, wo = window_output((h, w), (kh, kw), (sh, sw), (ph, pw, ph, pw), (dh, dw))
    mean = F.pad(sums / x.new_full((), channels), (pw, pw, ph, ph))
    total = torch.zeros_like(mean[:, :, :ho, :wo])
    for i, j in product(range(0, kh * dh, dh), range(0, kw * dw, dw)):
        total = total + mean[:, :, i : i + (ho - 1) * sh + 1 : sh, j : j + (wo - 1) * sw + 1 : sw]
    return total / x.new_full((), kh * kw)


def epilogue(acc: Tensor, scale: Tensor, bias: Tensor | None, axis: int) -> Tensor:
    """``acc * scale`` then ``+ bias``: two roundings, never fused; both are ``(O,)`` along ``axis``; in acc's dtype."""
    shape = [1] * acc.ndim
    shape[axis] = -1
    y = acc * scale.to(acc.dtype).view(shape)
    return y if bias is None else y + bias.to(acc.dtype).view(shape)


@torch.library.custom_op("xnorkit::sign", mutates_args=())
def sign(x: Tensor) -> Tensor:
    """-1 where x < 0, else +1; see ``sign_values``."""
    return sign_values(x)


@torch.library.custom_op("xnorkit::bconv2d", mutates_args=())
def bconv2d(
    x: Tensor,
    weight: Tensor,
    scale: Tensor,
    bias: Tensor | None,
    stride: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int],
    groups: int,
    pad_value: int,
    factor: Tensor | None = None,
) -> Tensor:
    """``conv2d(sign(x), sign(weight)) (* factor) * scale (+ bias)``: ``(N, C, H, W) -> (N, O, Ho, Wo)``.

    factor: ``(N, 1, Ho, Wo)``, XNOR-Net's K.
    """
    acc = conv2d_accumulate(sign_values(x), sign_values(weight), stride, padding, dilation, groups, pad_value)
    return epilogue(acc if factor is None else acc * factor, scale, bias, 1)


@torch.library.custom_op("xnorkit::kmap", mutates_args=())
def kmap(
    x: Tensor, kernel: Sequence[int], stride: Sequence[int], padding: Sequence[int], dilation: Sequence[int]
) -> Tensor:
    """XNOR-Net's K of a layer's input, ``(N, C, H, W) -> (N, 1, Ho, Wo)``; see ``input_magnitude``."""
    return input_magnitude(x, kernel, stride, padding, dilation)


@torch.library.custom_op("xnorkit::bdense", mutates_args=())
def bdense(x: Tensor, weight: Tensor, scale: Tensor, bias: Tensor | None) -> Tensor:
    """Binary matrix product ``sign(x) @ sign(weight).T * scale (+ bias)``: ``(N, C) -> (N, O)``."""
    return epilogue(dense_accumulate(sign_values(x), sign_values(weight)), scale, bias, -1)


@torch.library.custom_op("xnorkit::qconv2d", mutates_args=())
def qconv2d(
    x: Tensor,
    weight: Tensor,
    scale: Tensor,
    bias: Tensor | None,
    stride: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int],
    groups: int,
) -> Tensor:
    """Integer convolution ``conv2d(x, weight) * scale (+ bias)``: ``(N, C, H, W) -> (N, O, Ho, Wo)``."""
    largest = PIXEL_MAX * WEIGHT_MAX
    acc = conv2d_accumulate(x, weight, stride, padding, dilation, groups, largest_product=largest)
    return epilogue(acc, scale, bias, 1)


@torch.library.custom_op("xnorkit::qdense", mutates_args=())
def qdense(x: Tensor, weight: Tensor, scale: Tensor, bias: Tensor | None) -> Tensor:
    """Integer matrix product ``x @ weight.T * scale (+ bias)``: ``(N, C) -> (N, O)``."""
    return epilogue(dense_accumulate(x, weight, PIXEL_MAX * WEIGHT_MAX), scale, bias, -1)


@sign.register_fake
def _(x: Tensor) -> Tensor:
    return torch.empty_like(x)


def conv_shape(
    x: Tensor, weight: Tensor, stride: Sequence[int], padding: Sequence[int], dilation: Sequence[int], groups: int
) -> Tensor:
    if x.shape[1] != weight.shape[1] * groups:
        raise ShapeError("conv2d", "input channels", got=x.shape[1], expected=weight.shape[1] * groups)
    kernel, (ph, pw) = (weight.shape[2], weight.shape[3]), padding
    size = window_output((x.shape[2], x.shape[3]), kernel, (stride[0], stride[1]), (ph, pw, ph, pw),
                         (dilation[0], dilation[1]))  # fmt: skip
    return weight.new_empty((x.shape[0], weight.shape[0], *size))


@bconv2d.register_fake
def _(
    x: Tensor,
    weight: Tensor,
    scale: Tensor,
    bias: Tensor | None,
    stride: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int],
    groups: int,
    pad_value: int,
    factor: Tensor | None = None,
) -> Tensor:
    return conv_shape(x, weight, stride, padding, dilation, groups)


@qconv2d.register_fake
def _(
    x: Tensor,
    weight: Tensor,
    scale: Tensor,
    bias: Tensor | None,
    stride: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int],
    groups: int,
) -> Tensor:
    return conv_shape(x, weight, stride, padding, dilation, groups)


@kmap.register_fake
def _(
    x: Tensor, kernel: Sequence[int], stride: Sequence[int], padding: Sequence[int], dilation: Sequence[int]
) -> Tensor:
    return input_magnitude(x, kernel, stride, padding, dilation)


def dense_shape(x: Tensor, weight: Tensor) -> Tensor:
    if x.shape[-1] != weight.shape[1]:
        raise ShapeError("linear", "input features", got=x.shape[-1], expected=weight.shape[1])
    return weight.new_empty((*x.shape[:-1], weight.shape[0]))


@bdense.register_fake
def _(x: Tensor, weight: Tensor, scale: Tensor, bias: Tensor | None) -> Tensor:
    return dense_shape(x, weight)


@qdense.register_fake
def _(x: Tensor, weight: Tensor, scale: Tensor, bias: Tensor | None) -> Tensor:
    return dense_shape(x, weight)
