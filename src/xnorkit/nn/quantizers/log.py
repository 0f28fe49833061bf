"""QNN's logarithmic quantizer: powers of two."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor

from ...errors import RangeError
from ..fewbit import exponents, power_values, powers
from .base import EVALUATION, ActivationQuantizer, Moment, WeightQuantizer, check_weight_dtype
from .straight import in_units


@dataclass(frozen=True)
class LogWeight(WeightQuantizer):
    """Weights of ``bits`` bits: a sign and one of 2^(k-1) - 1 powers of two, or 0.

    forward   ``W~ = sign(W) 2^e``, ``e = min(round(log2|W|), top)``; 0 where e lies below the smallest power
    gradient  ``dC/dW = dC/dW~``
    source    Hubara et al. 2016 (QNN), sec. 3.1: LogQuant(x) = clip(AP2(x), min, max)
    deviates  The paper names no smallest power; a finite number of bits has one, below which weights are 0.
              ``top=None`` takes AP2(max|W|) of the layer at each call.

    >>> values, scale = LogWeight(bits=3)(torch.tensor([[0.9, -0.3, 0.01]]))
    >>> values.tolist(), scale.item()
    ([[4.0, -1.0, 0.0]], 0.25)
    """

    name: ClassVar[str] = "log"
    bits: int = 4  # type: ignore[misc]
    top: int | None = None

    def __post_init__(self) -> None:
        if not 2 <= self.bits <= 4:
            raise RangeError("LogWeight", "bits", got=self.bits, expected="2..4",
                             hint="5 bits would be integers up to 2^14, more than a packed weight holds")  # fmt: skip

    @property
    def width(self) -> int:
        return 2 if self.bits == 2 else 8

    def __call__(self, weight: Tensor, moment: Moment = EVALUATION) -> tuple[Tensor, Tensor]:
        check_weight_dtype("LogWeight", weight)
        w, count = weight.detach(), (1 << (self.bits - 1)) - 1
        top = w.new_tensor(float(self.top)) if self.top is not None else exponents(w.abs().amax())
        top = torch.where(top.isfinite(), top, torch.zeros_like(top))
        lowest = top - (count - 1)
        e = torch.minimum(exponents(w), top) - lowest
        magnitude = torch.where(e >= 0, torch.exp2(e.clamp(min=0)), torch.zeros_like(e))
        return in_units(weight, torch.exp2(lowest), torch.where(w < 0, -magnitude, magnitude))


class _LogSTE(torch.autograd.Function):
    """forward the powers; backward g where 0 <= x <= high."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, row: LogActivation) -> Tensor:
        ctx.high = 2.0**row.top
        ctx.save_for_backward(x)
        return power_values(x, row.bits, row.top)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None]:
        (x,) = ctx.saved_tensors
        return grads[0] * ((x >= 0) & (x <= ctx.high)), None


@dataclass(frozen=True)
class LogActivation(ActivationQuantizer):
    """Activations of ``bits`` bits: one of 2^k - 1 powers of two up to 2^top, or 0.

    forward   ``x~ = 2^e``, ``e = min(round(log2 x), top)``; 0 for x <= 0 and below the smallest power
    gradient  ``dC/dx = dC/dx~ 1{0 <= x <= 2^top}``
    source    Hubara et al. 2016 (QNN), sec. 3.1: LogQuant(x) = clip(AP2(x), min, max)
    deviates  As the weights': a smallest power. A packed file has no codes for them, because they are no steps of one
              width: they are float32, a sum of 2^k - 1 comparisons.

    >>> LogActivation(bits=2, top=1)(torch.tensor([-1.0, 0.3, 0.8, 3.0])).tolist()
    [0.0, 0.0, 1.0, 2.0]
    """

    name: ClassVar[str] = "log"
    levels: ClassVar = "real"
    unpacked: ClassVar = "powers of two are no codes of one width: float32, a comparison and a sum for each power"
    bits: int = 4
    top: int = 2

    def __post_init__(self) -> None:
        if not 1 <= self.bits <= 6:
            raise RangeError("LogActivation", "bits", got=self.bits, expected="1..6",
                             hint="7 bits would reach below the smallest float32")  # fmt: skip

    @property
    def width(self) -> int:
        return 32

    def operand(self, x: Tensor, moment: Moment = EVALUATION) -> Tensor:
        return powers(x, self.bits, self.top)

    def __call__(self, x: Tensor, moment: Moment = EVALUATION) -> Tensor:
        if torch.compiler.is_exporting():
            return self.operand(x)
        y: Tensor = _LogSTE.apply(x, self)  # type: ignore[no-untyped-call]
        return y
