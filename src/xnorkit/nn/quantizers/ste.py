"""sign with a straight-through window: activations of BNN and XNOR-Net."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor

from ..functional import sign, sign_values
from .base import EVALUATION, ActivationQuantizer, Moment, check_clip, window_mask


class SignSTE(torch.autograd.Function):
    """forward sign(x), backward g * 1{|x| <= clip}; ``clip`` None passes every gradient."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, clip: float | None, strict: bool) -> Tensor:
        ctx.clip, ctx.strict = clip, strict
        if clip is not None:
            ctx.save_for_backward(x)
        return sign_values(x)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, None, None]:
        if ctx.clip is None:
            return grads[0], None, None
        (x,) = ctx.saved_tensors
        return grads[0] * window_mask(x, ctx.clip, ctx.strict), None, None


def sign_ste(x: Tensor, clip: float | None, strict: bool) -> Tensor:
    """sign(x) with the windowed gradient; under ``torch.export`` the single node ``xnorkit::sign``."""
    if torch.compiler.is_exporting():
        return sign(x)
    y: Tensor = SignSTE.apply(x, clip, strict)  # type: ignore[no-untyped-call]
    return y


@dataclass(frozen=True)
class Sign(ActivationQuantizer):
    """Deterministic sign activation.

    forward   ``q = -1 if x < 0 else +1`` (sign(0) = +1, as the papers write x >= 0)
    gradient  ``dC/dx = dC/dq * 1{|x| <= clip}``; with ``strict``, ``|x| < clip``; ``clip=None`` is the identity
    source    Courbariaux et al. 2016 (BNN), eq. 4; Rastegari et al. 2016 (XNOR-Net), sec. 3.1
    deviates  XNOR-Net prints the derivative as ``r * 1{|r| <= 1}``: the leading r is a misprint, no code has it.
              ``torch.sign`` and Torch7 give sign(0) = 0, which a bit cannot hold (allenai, jiecaoyu, Bi-Real...).
              allenai and jiecaoyu use the strict window; larq's QuickNet uses clip 1.25.

    >>> x = torch.tensor([-1.5, -1.0, 0.0, 0.5, 2.0], requires_grad=True)
    >>> Sign()(x).sum().backward(); x.grad
    tensor([0., 1., 1., 1., 0.])
    >>> x.grad = None; Sign(strict=True)(x).sum().backward(); x.grad
    tensor([0., 0., 1., 1., 0.])
    """

    name: ClassVar[str] = "sign"
    clip: float | None = 1.0
    strict: bool = False

    def __post_init__(self) -> None:
        check_clip("Sign", self.clip)

    def __call__(self, x: Tensor, moment: Moment = EVALUATION) -> Tensor:
        return sign_ste(x, self.clip, self.strict)
