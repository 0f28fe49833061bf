"""int8 weights for the layers that stay wider than a bit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from ..functional import WEIGHT_MAX
from .base import EVALUATION, Moment, WeightQuantizer, check_weight_dtype
from .straight import straight_through


@dataclass(frozen=True)
class Int8(WeightQuantizer):
    """Symmetric int8 weights, one scale per output channel.

    forward   ``s = max|W| / 127`` (1 for a filter of zeros), ``q = clamp(round(W / s), -127, 127)``, half to even
    gradient  ``dC/dW = dC/dW~``, ``W~ = s q`` (straight through; s is a constant of the step)
    source    Jacob et al. 2018, sec. 3 (fake quantization); Krishnamoorthi 2018 (per channel, symmetric)
    deviates  Many codes round half away from zero or use -128; torch.ao freezes s from a moving range.

    >>> values, scale = Int8()(torch.tensor([[1.27, -0.635, 0.015]]))
    >>> values.tolist(), round(scale.item(), 6)
    ([[127.0, -64.0, 2.0]], 0.01)
    """

    name: ClassVar[str] = "int8"
    bits: ClassVar[int] = 8

    def __call__(self, weight: Tensor, moment: Moment = EVALUATION) -> tuple[Tensor, Tensor]:
        check_weight_dtype("Int8", weight)
        largest = weight.detach().abs().flatten(1).amax(1)
        scale = torch.where(largest > 0, largest / WEIGHT_MAX, torch.ones_like(largest))
        ratio = weight / scale.view((-1,) + (1,) * (weight.ndim - 1))
        values = ratio.detach().round().clamp(-WEIGHT_MAX, WEIGHT_MAX)
        return straight_through(ratio, values), scale
