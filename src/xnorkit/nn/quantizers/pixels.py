"""Raw pixels as eight bit planes: the input of BNN's first layer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from ..functional import PIXEL_MAX
from .base import EVALUATION, ActivationQuantizer, Moment


@dataclass(frozen=True)
class PixelCodes(ActivationQuantizer):
    """Raw pixels 0..255 as 8-bit codes, each worth 1/255.

    forward   ``q = x``; with a binary weight the layer is ``sum over n = 1..8 of 2^(n-1) (x^n . w)``, x^n the n-th bit
    gradient  the identity
    source    Courbariaux et al. 2016 (BNN), sec. 1.4 (the first layer)
    deviates  BNN's scripts scale pixels to [-1, 1]; 0..1 differs by a constant per filter, which batch norm removes
              but for padded taps.

    >>> import torch
    >>> PixelCodes()(torch.tensor([7.0, 255.0])).tolist(), PixelCodes().unit == 1 / 255
    ([7.0, 255.0], True)
    """

    name: ClassVar[str] = "pixels"
    levels: ClassVar = "codes"

    @property
    def unit(self) -> float:
        return 1 / PIXEL_MAX

    @property
    def width(self) -> int:
        return 8

    def __call__(self, x: Tensor, moment: Moment = EVALUATION) -> Tensor:
        return x
