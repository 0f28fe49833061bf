"""AP2 for tensors: the power of two nearest in the exponent; the law is ``reference.ap2``."""

from __future__ import annotations

import torch
from torch import Tensor

from ..reference.ap2 import SQRT_HALF


def ap2(x: Tensor) -> Tensor:
    """sign(x) * 2^round(log2 |x|), AP2(0) = 0, decided on the mantissa; float32 or float64, no gradient.

    >>> ap2(torch.tensor([0.0, 1.5, 1.4142, 3.0, 0.3, -5.0]))
    tensor([ 0.0000,  2.0000,  1.0000,  4.0000,  0.2500, -4.0000])
    """
    x = x.detach()
    mantissa, exponent = torch.frexp(x.abs())
    up = mantissa.double() >= SQRT_HALF
    power = torch.ldexp(torch.ones_like(x), exponent - torch.where(up, 0, 1))
    return torch.where(torch.isfinite(x) & (x != 0), torch.copysign(power, x), x)
