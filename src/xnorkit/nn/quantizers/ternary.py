"""Ternary weights: TWN, one scale; TTQ, two learned scales."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor

from ...errors import RangeError
from .base import EVALUATION, Moment, WeightQuantizer, check_choice, check_weight_dtype
from .straight import in_units


@dataclass(frozen=True)
class Twn(WeightQuantizer):
    """Ternary Weight Networks: -1, 0 or +1 times one scale.

    forward   ``T = sign(W)`` where ``|W| > Delta``, else 0; ``Delta = factor mean|W|``; ``alpha = mean of those |W|``
    gradient  ``dC/dW = dC/dW~``, ``W~ = alpha T``
    source    Li et al. 2016 (TWN), eq. 5 and 6; Delta and alpha of a layer
    deviates  Several codes take Delta and alpha per filter: ``per="filter"``. A later version of the paper uses 0.75.

    >>> values, scale = Twn()(torch.tensor([[1.0, -0.8, 0.1]]))
    >>> values.tolist(), round(scale.item(), 4)
    ([[1.0, -1.0, 0.0]], 0.9)
    """

    name: ClassVar[str] = "twn"
    bits: ClassVar[int] = 2
    factor: float = 0.7
    per: Literal["layer", "filter"] = "layer"

    def __post_init__(self) -> None:
        check_choice("Twn", "per", self.per, ("layer", "filter"))
        if not self.factor >= 0:
            raise RangeError("Twn", "factor", got=self.factor, expected="at least 0")

    def __call__(self, weight: Tensor, moment: Moment = EVALUATION) -> tuple[Tensor, Tensor]:
        check_weight_dtype("Twn", weight)
        rows = weight.detach().flatten(1) if self.per == "filter" else weight.detach().reshape(1, -1)
        magnitude = rows.abs()
        large = magnitude > self.factor * magnitude.mean(1, keepdim=True)
        scale = (magnitude * large).sum(1) / large.sum(1).clamp(min=1)
        values = torch.where(rows < 0, -1.0, 1.0).to(weight.dtype) * large
        return in_units(weight, scale, values.view_as(weight))


class _TtqSTE(torch.autograd.Function):
    """(W, W_p, W_n) -> W~ with the paper's three gradients."""

    @staticmethod
    def forward(ctx: Any, weight: Tensor, positive: Tensor, negative: Tensor, threshold: float) -> Tensor:
        delta = threshold * weight.abs().amax()
        over, under = weight > delta, weight < -delta
        ctx.save_for_backward(over, under, positive, negative)
        return ternary_values(over, under, positive, negative)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, Tensor, Tensor, None]:
        over, under, positive, negative = ctx.saved_tensors
        (g,) = grads
        latent = g * torch.where(over, positive, torch.where(under, negative, torch.ones_like(positive)))
        return latent, (g * over).sum(), -(g * under).sum(), None


def ternary_values(over: Tensor, under: Tensor, positive: Tensor, negative: Tensor) -> Tensor:
    """``positive`` where over, ``-negative`` where under, else 0."""
    return torch.where(over, positive, torch.where(under, -negative, torch.zeros_like(positive)))


@dataclass(frozen=True)
class Ttq(WeightQuantizer):
    """Trained Ternary Quantization: -W_n, 0 or W_p, two numbers a layer that are learned.

    forward   ``W~ = W_p`` where ``W > Delta``, ``-W_n`` where ``W < -Delta``, else 0; ``Delta = threshold max|W|``
    gradient  ``dC/dW_p = sum of g over W > Delta``, ``dC/dW_n = -sum of g over W < -Delta``;
              ``dC/dW = g`` times W_p, 1 or W_n, by where W lies
    source    Zhu et al. 2017 (TTQ), eq. 6 to 9
    deviates  Eq. 7 prints the sum for W_n without the minus that -W_n demands. Both scales start at the mean of the
              |W| beyond Delta; the authors start from a trained net. A packed file keeps these layers in float32:
              two scales do not leave one integer sum.

    >>> weight = torch.tensor([[1.0, -0.8, 0.01]])
    >>> Ttq()(weight, Moment(learned={"positive": torch.tensor(0.5), "negative": torch.tensor(0.7)}))[0].tolist()
    [[0.5, -0.699999988079071, 0.0]]
    """

    name: ClassVar[str] = "ttq"
    bits: ClassVar[int] = 32
    threshold: float = 0.05

    def __post_init__(self) -> None:
        if not 0 <= self.threshold < 1:
            raise RangeError("Ttq", "threshold", got=self.threshold, expected="0..1, 1 excluded")

    def learned(self, weight: Tensor) -> dict[str, Tensor]:
        """W_p and W_n."""
        magnitude = weight.detach().abs()
        large = magnitude > self.threshold * magnitude.amax()
        mean = (magnitude * large).sum() / large.sum().clamp(min=1)
        return {"positive": mean, "negative": mean.clone()}

    def __call__(self, weight: Tensor, moment: Moment = EVALUATION) -> tuple[Tensor, Tensor]:
        check_weight_dtype("Ttq", weight)
        own = moment.learned or self.learned(weight)
        positive, negative = own["positive"], own["negative"]
        ones = weight.new_ones(weight.shape[0])
        if torch.compiler.is_exporting():
            delta = self.threshold * weight.abs().amax()
            return ternary_values(weight > delta, weight < -delta, positive, negative), ones
        values: Tensor = _TtqSTE.apply(weight, positive, negative, self.threshold)  # type: ignore[no-untyped-call]
        return values, ones
