"""XNOR-Net's k-bit activations."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from .codes import CodeQuantizer


@dataclass(frozen=True)
class XnorK(CodeQuantizer):
    """q_k of XNOR-Net: the 2^k odd levels from -1 to 1.

    forward   ``q = floor((2^k - 1) x / 2 + 2^(k-1))`` clipped to 0..2^k - 1, worth ``(2q - (2^k - 1)) / (2^k - 1)``;
              one bit gives sign(x), sign(0) = +1
    gradient  ``dC/dx = dC/dx~ 1{|x| <= 1}``
    source    Rastegari et al. 2016 (XNOR-Net v4), sec. 3.2: q_k(x) = 2 ([(2^k - 1)(x + 1)/2] / (2^k - 1) - 1/2)
    deviates  The paper leaves open how [.] rounds: halves round up here.

    >>> import torch
    >>> XnorK(bits=2)(torch.tensor([-7.0, -0.1, 0.0, 0.9])).tolist()
    [-3.0, -1.0, 1.0, 3.0]
    """

    name: ClassVar[str] = "xnor-k"
    levels: ClassVar = "odd codes"
    bits: int = 2

    @property
    def unit(self) -> float:
        return 1 / ((1 << self.bits) - 1)

    @property
    def scale(self) -> float:
        return ((1 << self.bits) - 1) / 2

    @property
    def bias(self) -> float:
        return float(1 << (self.bits - 1))

    @property
    def window(self) -> tuple[float, float]:
        return -1.0, 1.0
