"""XNOR-Net weights: sign times the mean magnitude of the filter."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor

from ...errors import RangeError
from ..functional import sign, sign_values
from .base import EVALUATION, Moment, WeightQuantizer, check_clip, check_weight_dtype, window_mask

GRADIENTS = ("exact", "paper")


def filter_mean_magnitude(weight: Tensor) -> Tensor:
    """alpha ``(O,)``: the mean of |W| over each output filter of ``(O, ...)``.

    >>> filter_mean_magnitude(torch.tensor([[0.5, -0.25, 1.5]]))
    tensor([0.7500])
    """
    return weight.abs().flatten(1).mean(1)


class _XnorSTE(torch.autograd.Function):
    """W -> (B, alpha); with W~ = alpha B and g = dC/dW~, both forms follow from dC/dB = alpha g, dC/dalpha = sum gB."""

    @staticmethod
    def forward(ctx: Any, weight: Tensor, clip: float | None, strict: bool, paper: bool) -> tuple[Tensor, Tensor]:
        values, alpha = sign_values(weight), filter_mean_magnitude(weight)
        ctx.save_for_backward(weight, values, alpha)
        ctx.clip, ctx.strict, ctx.paper = clip, strict, paper
        return values, alpha

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None, None, None]:
        weight, values, alpha = ctx.saved_tensors
        grad_values, grad_alpha = grads
        n = weight[0].numel()
        per_filter = (-1,) + (1,) * (weight.ndim - 1)
        through_sign = grad_values * window_mask(weight, ctx.clip, ctx.strict)
        if ctx.paper:
            inverse = torch.where(alpha > 0, 1 / (n * alpha), torch.zeros_like(alpha))
            return through_sign + grad_values * inverse.view(per_filter), None, None, None
        return through_sign + values * (grad_alpha / n).view(per_filter), None, None, None


@dataclass(frozen=True)
class Xnor(WeightQuantizer):
    """Binary weights with one scaling factor per output filter; n weights a filter.

    forward   ``W~ = alpha B``, ``B = sign(W)`` (sign(0) = +1), ``alpha = sum|W| / n``: the least-squares optimum
    gradient  with ``g = dC/dW~``:
              ``exact``  ``dC/dW_i = sign(W_i)/n * sum_j g_j sign(W_j) + g_i alpha 1{|W_i| <= clip}`` (true derivative)
              ``paper``  ``dC/dW_i = g_i (1/n + alpha 1{|W_i| <= clip})`` (as printed; a zero filter gets no gradient)
    source    Rastegari et al. 2016 (XNOR-Net v4), sec. 3.1, algorithm 1; exact form: notes of jiecaoyu/XNOR-Net-PyTorch
    deviates  allenai/XNOR-Net and jiecaoyu also centre W over the input channels, clamp it to [-1, 1] in place, and
              multiply the gradient by (1 - 1/C) n; allenai zeroes the gradient at |W| = 1 (``strict``). Bi-Real and
              ReActNet codes do not multiply the window term by alpha.

    >>> weight = torch.tensor([[0.5, -0.25, 1.5]], requires_grad=True)
    >>> g = torch.tensor([[1.0, 2.0, 3.0]])
    >>> values, alpha = Xnor(gradient="exact")(weight)
    >>> (values * alpha[:, None] * g).sum().backward(); weight.grad
    tensor([[1.4167, 0.8333, 0.6667]])
    """

    name: ClassVar[str] = "xnor"
    gradient: Literal["exact", "paper"] = "exact"
    clip: float | None = 1.0
    strict: bool = False

    def __post_init__(self) -> None:
        check_clip("Xnor", self.clip)
        if self.gradient not in GRADIENTS:
            raise RangeError("Xnor", "gradient", got=self.gradient, expected=GRADIENTS)

    def __call__(self, weight: Tensor, moment: Moment = EVALUATION) -> tuple[Tensor, Tensor]:
        check_weight_dtype("Xnor", weight)
        if torch.compiler.is_exporting():
            return sign(weight), filter_mean_magnitude(weight)
        paper = self.gradient == "paper"
        values, alpha = _XnorSTE.apply(weight, self.clip, self.strict, paper)  # type: ignore[no-untyped-call]
        return values, alpha
