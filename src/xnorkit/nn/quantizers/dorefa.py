"""DoReFa-Net: k-bit weights and activations."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from ...errors import RangeError
from ..functional import sign_values
from .base import EVALUATION, Moment, WeightQuantizer, check_weight_dtype
from .codes import CodeQuantizer
from .straight import in_units, straight_through

PLANES, MOST_BITS = 4, 7
"""Widest weights that are a sum of sign planes; widest that fit int8, -127..127."""


@dataclass(frozen=True)
class DorefaWeight(WeightQuantizer):
    """DoReFa's weights of ``bits`` bits.

    forward   1 bit: ``W~ = sign(W) E|W|``, sign(0) = +1, E over the whole layer.
              k bits: ``W~ = 2 quantize_k(t / (2 max|t|) + 1/2) - 1``, ``t = tanh W``,
              ``quantize_k(r) = round((2^k - 1) r) / (2^k - 1)``: the odd levels -(2^k - 1)..2^k - 1, scale 1/(2^k - 1)
    gradient  1 bit: ``dC/dW = dC/dW~``, no window. k bits: straight through the rounding, then the derivative of
              ``t / max|t|``; ``through_max=False`` holds the maximum constant
    source    Zhou et al. 2016 (DoReFa-Net), eq. 7 to 9
    deviates  Halves round up, not to even. tensorpack lets the gradient through the maximum, larq stops it. 5 bits and
              more are int8 weights in a packed file, which reads codes only; 8 bits would not fit it.

    >>> values, scale = DorefaWeight(bits=2)(torch.tensor([[0.9, -0.3, 0.1, -0.8]]))
    >>> values.tolist(), round(scale.item(), 4)
    ([[3.0, -1.0, 1.0, -3.0]], 0.3333)
    """

    name: ClassVar[str] = "dorefa"
    bits: int = 1  # type: ignore[misc]
    through_max: bool = True

    def __post_init__(self) -> None:
        if not 1 <= self.bits <= MOST_BITS:
            raise RangeError("DorefaWeight", "bits", got=self.bits, expected=f"1..{MOST_BITS}")

    @property
    def width(self) -> int:
        return self.bits if self.bits <= PLANES else 8

    def __call__(self, weight: Tensor, moment: Moment = EVALUATION) -> tuple[Tensor, Tensor]:
        check_weight_dtype("DorefaWeight", weight)
        if self.bits == 1:
            return in_units(weight, weight.abs().mean(), sign_values(weight.detach()))
        most = (1 << self.bits) - 1
        t = torch.tanh(weight)
        largest = t.abs().amax()
        largest = torch.where(largest > 0, largest, torch.ones_like(largest))
        ratio = t / (largest if self.through_max else largest.detach())
        levels = 2 * (most * (ratio.detach() / 2 + 0.5) + 0.5).floor() - most
        return straight_through(ratio * most, levels), weight.new_full((weight.shape[0],), 1 / most)


@dataclass(frozen=True)
class DorefaActivation(CodeQuantizer):
    """DoReFa's activations of ``bits`` bits.

    forward   ``q = floor((2^k - 1) x + 1/2)`` clipped to 0..2^k - 1, each worth 1/(2^k - 1): quantize_k(clip(x, 0, 1))
    gradient  ``dC/dx = dC/dx~ 1{0 <= x <= 1}``
    source    Zhou et al. 2016 (DoReFa-Net), eq. 5, 6 and 10
    deviates  Halves round up, not to even. One bit means 0 or 1, not -1 or +1.

    >>> DorefaActivation(bits=2)(torch.tensor([-1.0, 0.4, 0.5, 7.0])).tolist()
    [0.0, 1.0, 2.0, 3.0]
    """

    name: ClassVar[str] = "dorefa"
    bits: int = 2

    @property
    def unit(self) -> float:
        return 1 / self.scale

    @property
    def scale(self) -> float:
        return float((1 << self.bits) - 1)

    @property
    def bias(self) -> float:
        return 0.5

    @property
    def window(self) -> tuple[float, float]:
        return 0.0, 1.0
