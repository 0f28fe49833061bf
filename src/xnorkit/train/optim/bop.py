"""Bop: binary weights without latent weights behind them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, optim

from xnorkit.errors import RangeError
from xnorkit.nn.functional import sign_values


class Bop(optim.Optimizer):
    """The binary optimizer: a weight flips when a steady gradient asks for it.

    rule      ``m = (1 - gamma) m + gamma g``; ``w = -w`` where ``|m| > threshold`` and ``sign(m) = sign(w)``.
              With ``sigma``, second order: ``v = (1 - sigma) v + sigma g^2``, and m / (sqrt(v) + eps) stands for m.
    state     m (and v), from 0. The weights given become their signs at once and are -1/+1 ever after.
    gamma     is the group's ``lr``: the schedule of a recipe lowers it as it would a learning rate.
    source    Helwegen et al. 2019 (Latent weights do not exist), algorithm 1; second order: Suarez-Ramirez et al. 2021
              (A Bop and beyond), the biased form
    deviates  larq's code sets a weight to +1 where |m| equals the threshold; here nothing flips there, as printed.

    Raises RangeError for a gamma or sigma outside 0..1, a negative threshold, or an eps that is not positive.

    >>> weight = torch.nn.Parameter(torch.tensor([0.3, -0.2]))
    >>> bop = Bop([weight], lr=0.5, threshold=0.5)
    >>> weight.grad = torch.tensor([2.0, 2.0])
    >>> _ = bop.step(); weight.tolist()
    [-1.0, -1.0]
    """

    def __init__(self, params: Any, lr: float = 1e-4, threshold: float = 1e-8, sigma: float | None = None,
                 eps: float = 1e-10) -> None:  # fmt: skip
        for name, value in (("lr (gamma)", lr), ("sigma", sigma)):
            if value is not None and not 0 < value <= 1:
                raise RangeError("Bop", name, got=value, expected="above 0, at most 1")
        if not threshold >= 0 or not eps > 0:
            raise RangeError("Bop", "threshold, eps", got=(threshold, eps), expected="threshold >= 0, eps > 0")
        super().__init__(params, {"lr": lr, "threshold": threshold, "sigma": sigma, "eps": eps})
        with torch.no_grad():
            for group in self.param_groups:
                for weight in group["params"]:
                    weight.copy_(sign_values(weight))

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Flip what is to be flipped; weights without a gradient rest."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            for weight in group["params"]:
                if weight.grad is not None:
                    self._flip(weight, weight.grad, group)
        return loss

    def _flip(self, weight: Tensor, grad: Tensor, group: dict[str, Any]) -> None:
        state, sigma = self.state[weight], group["sigma"]
        if not state:
            state["m"] = torch.zeros_like(weight)
            if sigma is not None:
                state["v"] = torch.zeros_like(weight)
        state["m"].mul_(1 - group["lr"]).add_(grad, alpha=group["lr"])
        push = state["m"]
        if sigma is not None:
            state["v"].mul_(1 - sigma).addcmul_(grad, grad, value=sigma)
            push = push / (state["v"].sqrt() + group["eps"])
        flips = (push.abs() > group["threshold"]) & ((push < 0) == (weight < 0))
        weight.copy_(torch.where(flips, -weight, weight))
