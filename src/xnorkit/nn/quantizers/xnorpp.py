"""XNOR-Net++: a scale that is learned instead of computed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from .base import EVALUATION, Moment, WeightQuantizer, check_clip, check_weight_dtype
from .ste import sign_ste
from .xnor import filter_mean_magnitude


@dataclass(frozen=True)
class XnorPlusPlus(WeightQuantizer):
    """Signs times a learned scale per output channel, which stands for XNOR-Net's alpha and K.

    forward   ``W~ = scale[o] sign(W)`` (sign(0) = +1); ``scale`` is the layer's ``weight_scale``, at first mean|W|
    gradient  with ``g = dC/dW~``: ``dC/dW = g scale 1{|W| <= clip}``, ``dC/dscale = sum g sign(W)`` over a filter
    source    Bulat and Tzimiropoulos 2019 (XNOR-Net++), sec. 3, case 1
    deviates  the paper's best form (case 4) also learns a factor per row and per column of the output, which fixes the
              size of the image; the paper does not say where its scales start

    >>> import torch
    >>> weight = torch.tensor([[0.5, -0.25, 1.5]])
    >>> first = XnorPlusPlus().learned(weight)
    >>> XnorPlusPlus()(weight, Moment(learned=first))
    (tensor([[ 1., -1.,  1.]]), tensor([0.7500]))
    """

    name: ClassVar[str] = "xnor++"
    clip: float | None = 1.0

    def __post_init__(self) -> None:
        check_clip("XnorPlusPlus", self.clip)

    def learned(self, weight: Tensor) -> dict[str, Tensor]:
        return {"scale": filter_mean_magnitude(weight.detach())}

    def __call__(self, weight: Tensor, moment: Moment = EVALUATION) -> tuple[Tensor, Tensor]:
        check_weight_dtype("XnorPlusPlus", weight)
        scale = moment.learned.get("scale")
        return sign_ste(weight, self.clip, False), filter_mean_magnitude(weight) if scale is None else scale
