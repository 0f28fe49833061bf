"""Activations that stay real: Binary-Weight-Networks, BinaryConnect, ternary weights."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from .base import EVALUATION, ActivationQuantizer, Moment


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
