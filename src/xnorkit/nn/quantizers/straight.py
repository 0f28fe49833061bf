"""The straight-through step that weight quantizers share."""

from __future__ import annotations

import torch
from torch import Tensor


class _StraightThrough(torch.autograd.Function):
    """forward ``values``; backward hands the gradient to ``real`` unchanged."""

    @staticmethod
    def forward(ctx: object, real: Tensor, values: Tensor) -> Tensor:
        return values.clone()

    @staticmethod
    def backward(ctx: object, *grads: Tensor) -> tuple[Tensor, None]:
        return grads[0], None


def straight_through(real: Tensor, values: Tensor) -> Tensor:
    """``values``, with the gradient of ``real``; under ``torch.export`` the values alone."""
    if torch.compiler.is_exporting():
        return values
    y: Tensor = _StraightThrough.apply(real, values.detach())  # type: ignore[no-untyped-call]
    return y


def positive_or_one(scale: Tensor) -> Tensor:
    """``scale``, 1 where it is 0: a divisor. A constant of the step."""
    scale = scale.detach()
    return torch.where(scale > 0, scale, torch.ones_like(scale))


def in_units(weight: Tensor, scale: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
    """(values, scale ``(O,)``) such that dC/dW = dC/dW~ for W~ = values * scale: the identity gradient.

    scale: one number, or one a filter, ``(O,)``.
    """
    scale = scale.detach().expand(weight.shape[0])
    unit = positive_or_one(scale).view((-1,) + (1,) * (weight.ndim - 1))
    return straight_through(weight / unit, values), scale
