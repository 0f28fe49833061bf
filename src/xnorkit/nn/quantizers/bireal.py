"""Bi-Real Net and ReActNet: weights whose scale is a constant to the gradient, thresholds that are learned."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor

from ..functional import sign, sign_values
from .base import (
    EVALUATION,
    ActivationQuantizer,
    Moment,
    WeightQuantizer,
    check_choice,
    check_weight_dtype,
    per_channel,
)
from .slope import approx_slope, sign_slope, swish_slope
from .xnor import filter_mean_magnitude


class _DetachedScale(torch.autograd.Function):
    """forward sign(W); backward ``dC/dB * pass``, where dC/dB = alpha g is what the layer hands back."""

    @staticmethod
    def forward(ctx: Any, weight: Tensor, passes: Tensor) -> Tensor:
        ctx.save_for_backward(passes)
        return sign_values(weight)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None]:
        (passes,) = ctx.saved_tensors
        return grads[0] * passes, None


@dataclass(frozen=True)
class BiReal(WeightQuantizer):
    """Signs times mean|W|, the mean being a constant to the gradient.

    forward   ``W~ = alpha sign(W)`` (sign(0) = +1), ``alpha = mean|W|`` of a filter
    gradient  with ``g = dC/dW~``:
              ``paper``  ``dC/dW = g alpha 1{|W| < 1}``: a step's size follows the size of the weights
              ``code``   ``dC/dW = g 1{|W| <= 1}``, 0 for a filter of zeros
    source    Liu et al. 2018 (Bi-Real Net), sec. 3.3; ``code``: liuzechun/Bi-Real-net and ReActNet in PyTorch,
              where the gradient is that of clamp(W, -1, 1)
    deviates  those codes have torch.sign(0) = 0

    >>> weight, g = torch.tensor([[0.5, -0.25, 1.5]], requires_grad=True), torch.tensor([[1.0, 2.0, 3.0]])
    >>> values, alpha = BiReal()(weight)
    >>> (values * alpha[:, None] * g).sum().backward(); weight.grad
    tensor([[0.7500, 1.5000, 0.0000]])
    """

    name: ClassVar[str] = "bi-real"
    gradient: Literal["paper", "code"] = "paper"

    def __post_init__(self) -> None:
        check_choice("BiReal", "gradient", self.gradient, ("paper", "code"))

    def __call__(self, weight: Tensor, moment: Moment = EVALUATION) -> tuple[Tensor, Tensor]:
        check_weight_dtype("BiReal", weight)
        latent = weight.detach()
        alpha = filter_mean_magnitude(latent)
        if torch.compiler.is_exporting():
            return sign(weight), alpha
        if self.gradient == "paper":
            passes = (latent.abs() < 1).to(weight.dtype)
        else:
            inverse = torch.where(alpha > 0, 1 / alpha, torch.zeros_like(alpha))
            passes = (latent.abs() <= 1).to(weight.dtype) * per_channel(inverse, weight.ndim, 0)
        values: Tensor = _DetachedScale.apply(weight, passes)  # type: ignore[no-untyped-call]
        return values, alpha


@dataclass(frozen=True)
class SwishSignWeight(WeightQuantizer):
    """BNN+'s weights: signs with the slope of SignSwish, times mean|W|.

    forward   ``W~ = alpha sign(W)`` (sign(0) = +1), ``alpha = mean|W|`` of a filter
    gradient  ``dC/dW_i = g_i alpha SS'(W_i)`` and alpha's own share ``sign(W_i)/n * sum_j g_j sign(W_j)``; SS' as for
              the activation ``swish-sign``
    source    Darabi et al. 2018 (BNN+), sec. 3
    deviates  the paper pulls |W| towards alpha by a penalty in the loss, which no quantizer holds; its alpha is one
              number a layer and may be learned

    >>> weight = torch.zeros(1, 2, requires_grad=True)
    >>> values, alpha = SwishSignWeight()(weight); values.sum().backward(); weight.grad
    tensor([[5., 5.]])
    """

    name: ClassVar[str] = "swish-sign"
    beta: float = 5.0

    def __call__(self, weight: Tensor, moment: Moment = EVALUATION) -> tuple[Tensor, Tensor]:
        check_weight_dtype("SwishSignWeight", weight)
        return sign_slope(weight, lambda w: swish_slope(w, self.beta)), filter_mean_magnitude(weight)


@dataclass(frozen=True)
class RSign(ActivationQuantizer):
    """ReActNet's sign with a learned threshold per channel.

    forward   ``q = sign(x - t[c])``: +1 where x reaches the threshold ``t``, the layer's ``input_threshold`` (0)
    gradient  ``dC/dx = dC/dq * (2 - 2|x - t|)`` where ``|x - t| < 1``, else 0; dC/dt is its negative, summed
    source    Liu et al. 2020 (ReActNet), sec. 4.2
    deviates  the authors' code learns ``b = -t`` and has torch.sign(0) = 0

    >>> moment = Moment(learned={"threshold": torch.tensor([0.5, -0.5])})
    >>> RSign()(torch.tensor([[0.5, 0.0], [0.25, -1.0]]), moment).tolist()
    [[1.0, 1.0], [-1.0, -1.0]]
    """

    name: ClassVar[str] = "rsign"

    def learned(self, channels: int) -> dict[str, Tensor]:
        return {"threshold": torch.zeros(channels)}

    def operand(self, x: Tensor, moment: Moment = EVALUATION) -> Tensor:
        threshold = moment.learned.get("threshold")
        if threshold is None:
            return x
        own = threshold.to(x.dtype) if moment.training else threshold  # sums of autocast stay in its dtype
        return x - per_channel(own, x.ndim, 1)

    def __call__(self, x: Tensor, moment: Moment = EVALUATION) -> Tensor:
        return sign_slope(self.operand(x, moment), approx_slope)
