"""IR-Net: balanced weights and a scale that is a power of two."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from .base import EVALUATION, Moment, WeightQuantizer, check_weight_dtype
from .slope import check_t, ede_slope, ede_t, sign_slope


def balanced(weight: Tensor) -> Tensor:
    """w^ ``(O, ...)``: each filter minus its mean, over its standard deviation (n - 1); a constant filter gives zeros.

    >>> balanced(torch.tensor([[1.0, 3.0], [2.0, 2.0]]))
    tensor([[-0.7071,  0.7071],
            [ 0.0000,  0.0000]])
    """
    flat = weight.flatten(1)
    centred = flat - flat.mean(1, keepdim=True)
    variance = centred.square().sum(1, keepdim=True) / max(flat.shape[1] - 1, 1)
    std = torch.where(variance > 0, variance, torch.ones_like(variance)).sqrt()
    return (centred / std).view_as(weight)


def power_of_two(mean: Tensor) -> Tensor:
    """2^round(log2(mean)) of each number, exact; 0 stays 0."""
    exponent = torch.where(mean > 0, mean, torch.ones_like(mean)).log2().round()
    return torch.where(mean > 0, torch.exp2(exponent), torch.zeros_like(mean))


@dataclass(frozen=True)
class IrNet(WeightQuantizer):
    """Libra parameter binarization: centred, normalised, a scale that is a shift.

    forward   ``w^ = (W - mean) / std`` of a filter (n - 1), ``B = sign(w^)`` (sign(0) = +1), scale ``2^s``,
              ``s = round(log2(mean|w^|))``; a constant filter has w^ = 0 and scale 0
    gradient  ``dC/dw^ = dC/dB * EDE'(w^; t)`` (see the activation ``ede``), then through std and mean; 2^s is constant
    source    Qin et al. 2020 (IR-Net), sec. 3.2
    deviates  the paper writes the standard deviation without saying n or n - 1; the code's torch.std is n - 1, and
              divides a constant filter by 0

    >>> values, scale = IrNet()(torch.tensor([[1.0, 3.0, 5.0, 7.0]]))
    >>> values.tolist(), scale.tolist()
    ([[-1.0, -1.0, 1.0, 1.0]], [1.0])
    """

    name: ClassVar[str] = "ir-net"
    scheduled: ClassVar[bool] = True
    t_min: float = 0.1
    t_max: float = 10.0

    def __post_init__(self) -> None:
        check_t("IrNet", self.t_min, self.t_max)

    def __call__(self, weight: Tensor, moment: Moment = EVALUATION) -> tuple[Tensor, Tensor]:
        check_weight_dtype("IrNet", weight)
        w = balanced(weight)
        scale = power_of_two(w.detach().abs().flatten(1).mean(1))
        t = ede_t(moment.progress, self.t_min, self.t_max)
        return sign_slope(w, lambda w: ede_slope(w, t)), scale
