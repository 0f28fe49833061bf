"""XNOR-Net weights: sign times the mean magnitude of the filter."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor

from ..functional import sign, sign_values
from .base import EVALUATION, Moment, WeightQuantizer, check_choice, check_clip, check_weight_dtype, window_mask

GRADIENTS = ("exact", "paper")


def filter_mean_magnitude(weight: Tensor) -> Tensor:
    """alpha ``(O,)``: the mean of |W| over each output filter of ``(O, ...)``.

    >>> filter_mean_magnitude(torch.tensor([[0.5, -0.25, 1.5]]))
    tensor([0.7500])
    """
    return weight.abs().flatten(1).mean(1)


SCALES = ("filter", "layer", "none")


class _XnorSTE(torch.autograd.Function):
    """W -> (B, alpha); with W~ = alpha B and g = dC/dW~, both forms follow from dC/dB = alpha g, dC/dalpha = sum gB.

    n is the number of weights that share an alpha; a ``layer`` adds the dC/dalpha of its filters.
    """

    @staticmethod
    def forward(ctx: Any, weight: Tensor, row: Xnor) -> tuple[Tensor, Tensor]:
        values, alpha = sign_values(weight), row.alpha(weight)
        ctx.save_for_backward(weight, values, alpha)
        ctx.row = row
        return values, alpha

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None]:
        weight, values, alpha = ctx.saved_tensors
        grad_values, grad_alpha = grads
        row: Xnor = ctx.row
        per_filter = (-1,) + (1,) * (weight.ndim - 1)
        through_sign = grad_values * window_mask(weight, row.clip, row.strict)
        if row.scale == "none":
            return through_sign, None
        n = weight.numel() if row.scale == "layer" else weight[0].numel()
        if row.gradient == "paper":
            inverse = torch.where(alpha > 0, 1 / (n * alpha), torch.zeros_like(alpha))
            return through_sign + grad_values * inverse.view(per_filter), None
        shared = grad_alpha.sum().expand_as(grad_alpha) if row.scale == "layer" else grad_alpha
        return through_sign + values * (shared / n).view(per_filter), None


@dataclass(frozen=True)
class Xnor(WeightQuantizer):
    """Binary weights with one scaling factor per output filter; n weights share one.

    forward   ``W~ = alpha B``, ``B = sign(W)`` (sign(0) = +1), ``alpha = sum|W| / n``: the least-squares optimum;
              ``scale="layer"``: one alpha of the whole layer, ``"none"``: alpha = 1.
              ``centre`` takes the mean over the input channels from W first, ``clamp`` then clips it to [-1, 1]
    gradient  with ``g = dC/dW~``:
              ``exact``  ``dC/dW_i = sign(W_i)/n * sum_j g_j sign(W_j) + g_i alpha 1{|W_i| <= clip}`` (true derivative)
              ``paper``  ``dC/dW_i = g_i (1/n + alpha 1{|W_i| <= clip})`` (as printed; a zero filter gets no gradient)
              then through ``clamp`` and ``centre``, by their derivatives
    source    Rastegari et al. 2016 (XNOR-Net v4), sec. 3.1, algorithm 1; exact form: notes of jiecaoyu/XNOR-Net-PyTorch
    deviates  allenai/XNOR-Net and jiecaoyu centre and clamp the latent weights in place before each step, and multiply
              the gradient by (1 - 1/C) n instead of centring it; here both are part of the function, the latent weights
              stay. allenai zeroes the gradient at |W| = 1 (``strict``). Bi-Real and ReActNet codes do not multiply
              the window term by alpha.

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
    scale: Literal["filter", "layer", "none"] = "filter"
    centre: bool = False
    clamp: bool = False

    def __post_init__(self) -> None:
        check_clip("Xnor", self.clip)
        check_choice("Xnor", "gradient", self.gradient, GRADIENTS)
        check_choice("Xnor", "scale", self.scale, SCALES)

    def alpha(self, weight: Tensor) -> Tensor:
        """``(O,)`` of a prepared weight."""
        if self.scale == "none":
            return weight.new_ones(weight.shape[0])
        mean = filter_mean_magnitude(weight)
        return weight.abs().mean().expand_as(mean).contiguous() if self.scale == "layer" else mean

    def __call__(self, weight: Tensor, moment: Moment = EVALUATION) -> tuple[Tensor, Tensor]:
        check_weight_dtype("Xnor", weight)
        if self.centre:
            weight = weight - weight.mean(1, keepdim=True)
        if self.clamp:
            weight = weight.clamp(-1, 1)
        if torch.compiler.is_exporting():
            return sign(weight), self.alpha(weight)
        values, alpha = _XnorSTE.apply(weight, self)  # type: ignore[no-untyped-call]
        return values, alpha
