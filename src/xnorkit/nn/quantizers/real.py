"""What stays real: activations of Binary-Weight-Networks and ternary weights, weights of a first training stage."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from .base import EVALUATION, ActivationQuantizer, Moment, WeightQuantizer, check_weight_dtype


@dataclass(frozen=True)
class Real(ActivationQuantizer):
    """No quantization: the layer's weights alone are few-bit.

    forward   ``q = x``
    gradient  the identity
    source    Courbariaux et al. 2015 (BinaryConnect); Rastegari et al. 2016 (Binary-Weight-Networks), sec. 3.1

    >>> import torch
    >>> Real()(torch.tensor([0.3, -2.0])).tolist() == torch.tensor([0.3, -2.0]).tolist()
    True
    """

    name: ClassVar[str] = "real"
    levels: ClassVar = "real"

    @property
    def width(self) -> int:
        return 32

    def __call__(self, x: Tensor, moment: Moment = EVALUATION) -> Tensor:
        return x


@dataclass(frozen=True)
class RealWeight(WeightQuantizer):
    """No quantization of the weights: the layer's activations alone are binary.

    forward   ``W~ = W``, scale 1
    gradient  the identity
    source    Martinez et al. 2020 (Real-to-Binary), sec. 4.3, and Liu et al. 2020 (ReActNet), sec. 5.1: the first of
              two stages trains binary activations on real weights, ``reactnet[weight=real]``

    >>> import torch
    >>> values, scale = RealWeight()(torch.tensor([[0.25, -2.0]]))
    >>> values.tolist(), scale.tolist()
    ([[0.25, -2.0]], [1.0])
    """

    name: ClassVar[str] = "real"
    bits: ClassVar[int] = 32

    def __call__(self, weight: Tensor, moment: Moment = EVALUATION) -> tuple[Tensor, Tensor]:
        check_weight_dtype("RealWeight", weight)
        return weight, weight.new_ones(weight.shape[0])
