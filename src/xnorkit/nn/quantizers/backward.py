"""Quantized gradients: the gradient of a layer's output, before the layer's own backward takes it.

A row is a module-free function of a tensor: ``quantizer(y)`` is y, and what flows back through it is quantized.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor

from ...errors import RangeError
from ..functional import sign_values
from .base import check_choice


class _Backward(torch.autograd.Function):
    """forward y; backward ``row.quantized(g)``."""

    @staticmethod
    def forward(ctx: Any, y: Tensor, row: GradientQuantizer) -> Tensor:
        ctx.row = row
        return y.view_as(y)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None]:
        return ctx.row.quantized(grads[0]), None


@dataclass(frozen=True)
class GradientQuantizer(ABC):
    """Callable: ``(N, ...)`` -> the same; its gradient is quantized, sample by sample."""

    name: ClassVar[str]
    kind: ClassVar[Literal["gradient"]] = "gradient"

    @abstractmethod
    def quantized(self, g: Tensor) -> Tensor:
        """What becomes of the gradient."""

    def __call__(self, y: Tensor) -> Tensor:
        z: Tensor = _Backward.apply(y, self)  # type: ignore[no-untyped-call]
        return z


def _largest(g: Tensor) -> Tensor:
    """max|g| of each sample, ``(N, 1, ...)``."""
    return g.abs().flatten(1).amax(1).view((-1,) + (1,) * (g.ndim - 1))


@dataclass(frozen=True)
class DorefaGradient(GradientQuantizer):
    """DoReFa's gradients of ``bits`` bits, with noise.

    forward   y
    gradient  ``2m [quantize_k(clip(g / (2m) + 1/2 + N, 0, 1)) - 1/2]``, ``m = max|g|`` of the sample,
              ``N = U(-1/2, 1/2) / (2^k - 1)`` drawn from torch's generator for every number
    source    Zhou et al. 2016 (DoReFa-Net), eq. 12
    deviates  Halves round up, not to even. A sample whose gradient is 0 keeps it: without care its m divides by 0.

    >>> y = torch.tensor([[0.0, 0.0]], requires_grad=True)
    >>> DorefaGradient(bits=1)(y).backward(torch.tensor([[3.0, -3.0]])); y.grad.abs()
    tensor([[3., 3.]])
    """

    name: ClassVar[str] = "dorefa"
    bits: int = 6

    def __post_init__(self) -> None:
        if not 1 <= self.bits <= 16:
            raise RangeError("DorefaGradient", "bits", got=self.bits, expected="1..16")

    def quantized(self, g: Tensor) -> Tensor:
        most, m = (1 << self.bits) - 1, _largest(g)
        safe = torch.where(m > 0, m, torch.ones_like(m))
        noise = (torch.rand_like(g) - 0.5) / most
        r = (g / (2 * safe) + 0.5 + noise).clamp(0, 1)
        return 2 * m * ((most * r + 0.5).floor() / most - 0.5)


@dataclass(frozen=True)
class MaxSign(GradientQuantizer):
    """XNOR-Net's binary gradients.

    forward   y
    gradient  ``sign(g) max|g|`` of the sample
    source    Rastegari et al. 2016 (XNOR-Net v4), sec. 3.2, "Binary gradient"
    deviates  The maximum, not the mean, keeps the largest change, as the paper says. Of a gradient that is 0, as
              behind a max-pool, the paper says nothing; as a bit it would be pushed up by the maximum
              (``zeros="plus"``). The default keeps it 0.

    >>> y = torch.zeros(1, 3, requires_grad=True)
    >>> MaxSign()(y).backward(torch.tensor([[-3.0, 0.0, 1.0]])); y.grad
    tensor([[-3.,  0.,  3.]])
    """

    name: ClassVar[str] = "max-sign"
    zeros: Literal["keep", "plus"] = "keep"

    def __post_init__(self) -> None:
        check_choice("MaxSign", "zeros", self.zeros, ("keep", "plus"))

    def quantized(self, g: Tensor) -> Tensor:
        signs = sign_values(g)
        return _largest(g) * (signs if self.zeros == "plus" else signs * (g != 0))
