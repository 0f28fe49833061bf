"""Shift-based batch normalisation: BNN's batch norm whose products are shifts. The law is ``reference.shift_norm``."""

from __future__ import annotations

from typing import Any, Literal

import torch
from torch import Tensor, nn

from ...errors import RangeError, ShapeError
from ...reference.shift_norm import FORMS
from ..ap2 import ap2
from ..quantizers.base import per_channel


@torch.library.custom_op("xnorkit::shift_norm", mutates_args=())
def shift_norm(x: Tensor, mean: Tensor, factor: Tensor, beta: Tensor) -> Tensor:
    """``(x - mean[c]) * factor[c] + beta[c]`` along axis 1: inference by shifts; factor is a power of two."""
    return shift_norm_values(x, mean, factor, beta)


@shift_norm.register_fake
def _(x: Tensor, mean: Tensor, factor: Tensor, beta: Tensor) -> Tensor:
    return torch.empty_like(x)


def shift_norm_values(x: Tensor, mean: Tensor, factor: Tensor, beta: Tensor) -> Tensor:
    """What ``xnorkit::shift_norm`` computes, with autograd."""
    mean, factor, beta = (per_channel(t, x.ndim, 1) for t in (mean, factor, beta))
    return (x - mean) * factor + beta


class _ShiftNorm(torch.autograd.Function):
    """(x, gamma, beta) -> (y, batch mean, batch 1/std); backward as ``reference.shift_norm`` writes it."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, gamma: Tensor, beta: Tensor, eps: float, lua: bool) -> tuple[Tensor, ...]:
        axes = [0, *range(2, x.ndim)]
        mean = x.mean(axes)
        centred = x - per_channel(mean, x.ndim, 1)
        istd = ((centred * ap2(centred)).mean(axes) + eps).rsqrt()
        normed = centred * per_channel(ap2(istd), x.ndim, 1)
        factor = ap2(gamma)
        ctx.save_for_backward(ap2(normed) if lua else normed, factor, ap2(istd))
        ctx.mark_non_differentiable(mean, istd)
        return normed * per_channel(factor, x.ndim, 1) + per_channel(beta, x.ndim, 1), mean, istd

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, Tensor, Tensor, None, None]:
        normed, factor, r = ctx.saved_tensors
        g, axes = grads[0], [0, *range(2, normed.ndim)]
        mean, along = (per_channel(t.mean(axes), normed.ndim, 1) for t in (g, g * normed))
        dx = per_channel(factor * r, normed.ndim, 1) * (g - mean - normed * along)
        return dx, (g * normed).sum(axes), g.sum(axes), None, None


class _ShiftBatchNorm(nn.Module):
    """What the two layers share; ``axes`` are the ranks of input they take."""

    axes: tuple[int, ...]
    running_mean: Tensor
    running_istd: Tensor
    num_batches_tracked: Tensor

    def __init__(self, num_features: int, eps: float = 1e-5, momentum: float | None = 0.125,
                 form: Literal["paper", "lua"] = "lua") -> None:  # fmt: skip
        super().__init__()
        if form not in FORMS:
            raise RangeError(type(self).__name__, "form", got=form, expected=f"one of {FORMS}")
        if not eps > 0 or not (momentum is None or 0 <= momentum <= 1):
            raise RangeError(
                type(self).__name__, "eps, momentum", got=(eps, momentum), expected="eps > 0, 0..1 or None"
            )
        self.num_features, self.eps, self.momentum, self.form = num_features, eps, momentum, form
        self.weight, self.bias = nn.Parameter(torch.ones(num_features)), nn.Parameter(torch.zeros(num_features))
        self.register_buffer("running_mean", torch.zeros(num_features))
        self.register_buffer("running_istd", torch.ones(num_features))
        self.register_buffer("num_batches_tracked", torch.tensor(0))

    def reset_running_stats(self) -> None:
        """Mean 0, inverse deviation 1, as at the start."""
        self.running_mean.zero_()
        self.running_istd.fill_(1)
        self.num_batches_tracked.zero_()

    def forward(self, x: Tensor) -> Tensor:
        if x.ndim not in self.axes or x.shape[1] != self.num_features:
            raise ShapeError(type(self).__name__, "input", got=tuple(x.shape),
                             expected=f"(N, {self.num_features}) with {self.axes} axes")  # fmt: skip
        if x.dtype != self.weight.dtype:
            x = x.to(self.weight.dtype)
        if not self.training:
            numbers = self.running_mean, ap2(self.running_istd) * ap2(self.weight), self.bias
            return (shift_norm if torch.compiler.is_exporting() else shift_norm_values)(x, *numbers)
        if x.numel() // self.num_features < 2:
            raise ShapeError(type(self).__name__, "values per channel", got=x.numel() // self.num_features,
                             expected="at least 2 to train")  # fmt: skip
        y, mean, istd = _ShiftNorm.apply(x, self.weight, self.bias, self.eps, self.form == "lua")  # type: ignore[no-untyped-call]
        self._track(mean, istd)
        return y  # type: ignore[no-any-return]

    @torch.no_grad()
    def _track(self, mean: Tensor, istd: Tensor) -> None:
        self.num_batches_tracked.add_(1)
        share = 1 / self.num_batches_tracked.double() if self.momentum is None else self.momentum
        self.running_mean.mul_(1 - share).add_(mean * share)
        self.running_istd.mul_(1 - share).add_(istd * share)

    def extra_repr(self) -> str:
        return f"{self.num_features}, eps={self.eps:g}, momentum={self.momentum}, form={self.form!r}"


class ShiftBatchNorm2d(_ShiftBatchNorm):
    """BNN's batch norm by shifts, per channel of ``(N, C, H, W)``; AP2(x) is the power of two nearest to x.

    training  ``c = x - mean``, ``r = AP2(1/sqrt(mean(c AP2(c)) + eps))``, ``y = AP2(weight) c r + bias``
    eval      ``y = (x - running_mean) * (AP2(running_istd) AP2(weight)) + bias``
    gradient  ``dC/dx = AP2(weight) r (g - mean(g) - n mean(g n))``, ``dC/dweight = sum g n``, ``dC/dbias = sum g``;
              form ``lua``: ``n = AP2(c r)``, all products shifts; form ``paper``: ``n = c r``, batch norm's own
    momentum  the weight of the new batch in ``running_mean`` and ``running_istd`` (the inverse deviation, before AP2);
              None averages all batches alike
    source    Courbariaux, Hubara et al. 2016 (BNN), algorithm 3; itayhubara/BinaryNet, BatchNormalizationShiftPow2.lua
              (eps 1e-5, momentum 0.125)
    deviates  The paper prints no bias, no backward pass, no inference: those are the Torch code's. AP2 is decided
              on the mantissa, exactly.

    A packed file holds it as one affine, and where a sign follows, as integer thresholds: no shift is left to make.
    Raises ShapeError for another input or one value a channel in training, RangeError for another form.

    >>> ShiftBatchNorm2d(2)(torch.randn(4, 2, 3, 3)).shape
    torch.Size([4, 2, 3, 3])
    """

    axes = (4,)


class ShiftBatchNorm1d(_ShiftBatchNorm):
    """``ShiftBatchNorm2d`` of ``(N, C)`` or ``(N, C, L)``.

    >>> norm = ShiftBatchNorm1d(1, form="paper")
    >>> norm(torch.tensor([[1.0], [2.0], [6.0]])).flatten().tolist()                          # c / 2
    [-1.0, -0.5, 1.5]
    """

    axes = (2, 3)
