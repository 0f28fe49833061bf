"""What quantizers to codes share: ``floor(fl(x * scale) + bias)`` clipped to 0..2^bits - 1, as a packed file computes.

A row gives ``scale``, ``bias``, ``unit`` and the window in which its gradient passes.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor

from ...errors import RangeError
from .. import fewbit
from .base import EVALUATION, ActivationQuantizer, Moment

MAX_BITS = 8
"""Codes are bytes."""


class _CodeSTE(torch.autograd.Function):
    """forward the values of the codes; backward ``g * slope`` where ``low <= x <= high``."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, row: CodeQuantizer) -> Tensor:
        ctx.row = row
        ctx.save_for_backward(x)
        return fewbit.code_values(row.codes(x), row.bits, row.levels == "odd codes")

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None]:
        (x,) = ctx.saved_tensors
        low, high = ctx.row.window
        inside = torch.ge(x, low, out=torch.empty_like(x)).mul_(torch.le(x, high, out=torch.empty_like(x)))
        return (grads[0] * inside / ctx.row.unit).to(x.dtype), None


@dataclass(frozen=True)
class CodeQuantizer(ActivationQuantizer):
    """Real numbers to codes of ``bits`` bits; half precision is widened before, because the engine reads float32."""

    levels: ClassVar = "codes"
    bits: int = 4

    def __post_init__(self) -> None:
        if not 1 <= self.bits <= MAX_BITS:
            raise RangeError(type(self).__name__, "bits", got=self.bits, expected=f"1..{MAX_BITS}")

    @property
    def width(self) -> int:
        return self.bits

    @property
    @abstractmethod
    def scale(self) -> float:
        """Codes per unit of x."""

    @property
    @abstractmethod
    def bias(self) -> float:
        """The code of 0, plus 1/2 for rounding."""

    @property
    @abstractmethod
    def window(self) -> tuple[float, float]:
        """Where the gradient passes, both ends included."""

    def codes(self, x: Tensor) -> Tensor:
        """0..2^bits - 1, float32 (float64 for float64)."""
        return fewbit.codes(_wide(x), self.scale, self.bias, self.bits)

    def operand(self, x: Tensor, moment: Moment = EVALUATION) -> Tensor:
        return fewbit.quantize(_wide(x), self.scale, self.bias, self.bits)

    def __call__(self, x: Tensor, moment: Moment = EVALUATION) -> Tensor:
        if torch.compiler.is_exporting():
            return fewbit.code_values(self.operand(x), self.bits, self.levels == "odd codes")
        y: Tensor = _CodeSTE.apply(x, self)  # type: ignore[no-untyped-call]
        return y


def _wide(x: Tensor) -> Tensor:
    return x if x.dtype in (torch.float32, torch.float64) else x.float()
