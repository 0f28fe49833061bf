"""Shift-based AdaMax: BNN's optimizer, whose products are shifts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, optim

from xnorkit.errors import RangeError
from xnorkit.nn.ap2 import ap2

FORMS = ("paper", "lua")


class ShiftAdaMax(optim.Optimizer):
    """AdaMax with powers of two in place of its quotients; AP2(x) is the power of two nearest to x in the exponent.

    paper     ``m = b1 m + (1-b1) g``; ``v = max(b2 v, |g|)``; ``w -= lr AP2(1/(1-b1^t)) * scale * m / AP2(v)``; where
              v is 0, no gradient ever came and w stays
    lua       ``v = AP2(max(b2 v, |g|)) + eps``, kept so; ``w -= AP2(lr/(1-b1^t)) * scale * m / v``
    scale     a factor per group, 1 unless given: the authors' Glorot vector
    defaults  lr 2^-10, b1 = 1 - 2^-3, b2 = 1 - 2^-10 (paper); the Torch code has b1 .9, b2 .999, eps 2^-27
    source    Courbariaux, Hubara et al. 2016 (BNN), algorithm 4; itayhubara/BinaryNet, adaMax_binary_clip_shift.lua
    deviates  The paper prints ``lr <<>> (1 - b1^t)``: read, as AdaMax has it, as a division. AP2 is decided on the
              mantissa, exactly; the Torch code takes a logarithm in floating point. Clipping is ``nn.clip_weights_``.

    Raises RangeError for another form, an lr or eps that is not positive, or betas outside [0, 1).

    >>> weight = torch.nn.Parameter(torch.tensor([0.5, 0.5]))
    >>> weight.grad = torch.tensor([3.0, 0.0])
    >>> _ = ShiftAdaMax([weight], lr=0.25, betas=(0.75, 0.99)).step()    # 0.25 * 4 * 0.75 / 4 = 0.1875
    >>> weight.tolist()
    [0.3125, 0.5]
    """

    def __init__(self, params: Any, lr: float = 2.0**-10, betas: tuple[float, float] = (1 - 2.0**-3, 1 - 2.0**-10),
                 eps: float = 2.0**-27, form: str = "paper", scale: float = 1.0) -> None:  # fmt: skip
        if form not in FORMS:
            raise RangeError("ShiftAdaMax", "form", got=form, expected=f"one of {FORMS}")
        if not (lr > 0 and eps > 0 and scale > 0):
            raise RangeError("ShiftAdaMax", "lr, eps, scale", got=(lr, eps, scale), expected="positive numbers")
        if not all(0 <= beta < 1 for beta in betas):
            raise RangeError("ShiftAdaMax", "betas", got=betas, expected="two numbers in [0, 1)")
        super().__init__(params, {"lr": lr, "betas": betas, "eps": eps, "form": form, "scale": scale})

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """One step; parameters without a gradient rest."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            for weight in group["params"]:
                if weight.grad is not None:
                    self._move(weight, weight.grad, group)
        return loss

    def _move(self, weight: Tensor, grad: Tensor, group: dict[str, Any]) -> None:
        state, (b1, b2) = self.state[weight], group["betas"]
        if not state:
            state["step"], state["m"], state["v"] = 0, torch.zeros_like(weight), torch.zeros_like(weight)
        state["step"] += 1
        m, v, correction = state["m"], state["v"], 1 - b1 ** state["step"]
        m.mul_(b1).add_(grad, alpha=1 - b1)
        torch.maximum(v.mul_(b2), grad.abs(), out=v)
        if group["form"] == "lua":
            v.copy_(ap2(v)).add_(group["eps"])
            weight.sub_(m / v, alpha=nearest(group["lr"] / correction) * group["scale"])
            return
        quotient = torch.where(v > 0, m / ap2(v), torch.zeros_like(v))
        weight.sub_(quotient, alpha=group["lr"] * nearest(1 / correction) * group["scale"])


def nearest(x: float) -> float:
    """AP2 of one number.

    >>> nearest(3.0), nearest(0.0)
    (4.0, 0.0)
    """
    return float(ap2(torch.tensor(x, dtype=torch.float64)))
