"""Stochastic sign activations: BNN's neurons that fire at random while they learn."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor

from .base import EVALUATION, ActivationQuantizer, Moment, check_clip, window_mask
from .ste import sign_ste


class StochasticSignSTE(torch.autograd.Function):
    """forward +1 where uniform < clip((x + 1)/2, 0, 1), else -1; backward g * 1{|x| <= clip}."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, uniform: Tensor, clip: float | None, strict: bool) -> Tensor:
        ctx.clip, ctx.strict = clip, strict
        ctx.save_for_backward(x)
        return (uniform < (x + 1) / 2).to(x.dtype).mul_(2).sub_(1)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None, None, None]:
        (x,) = ctx.saved_tensors
        return grads[0] * window_mask(x, ctx.clip, ctx.strict), None, None, None


@dataclass(frozen=True)
class StochasticSign(ActivationQuantizer):
    """Sign activations drawn at random in training, deterministic in evaluation and in a packed file.

    forward   training: ``q = +1`` with probability ``hard_sigmoid(x) = clip((x + 1)/2, 0, 1)``, else ``-1``;
              evaluation: ``q = -1 if x < 0 else +1``
    gradient  ``dC/dx = dC/dq * 1{|x| <= clip}``: that of the mean, ``E q = clip(x, -1, 1)``
    source    Courbariaux et al. 2016 (BNN), eq. 2 and sec. 1.2: activations at training time, "in some experiments"
    deviates  itayhubara/BinaryNet (Torch) trains its published nets so; the Theano scripts are deterministic.

    >>> _ = torch.manual_seed(0)
    >>> drawn = StochasticSign()(torch.full((10000,), 0.5), Moment(training=True))
    >>> sorted(set(drawn.tolist())), abs(drawn.mean().item() - 0.5) < 0.03
    ([-1.0, 1.0], True)
    >>> StochasticSign()(torch.tensor([-0.1, 0.0])).tolist()
    [-1.0, 1.0]
    """

    name: ClassVar[str] = "stochastic-sign"
    clip: float | None = 1.0
    strict: bool = False

    def __post_init__(self) -> None:
        check_clip("StochasticSign", self.clip)

    def __call__(self, x: Tensor, moment: Moment = EVALUATION) -> Tensor:
        if not moment.training:
            return sign_ste(x, self.clip, self.strict)
        y: Tensor = StochasticSignSTE.apply(x, torch.rand_like(x), self.clip, self.strict)  # type: ignore[no-untyped-call]
        return y
