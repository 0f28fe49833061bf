"""Nonlinearities of binary networks, between the sums where floats flow."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from ..quantizers.base import per_channel


class _Bend(torch.autograd.Function):
    """prelu(x - gamma, slope) + zeta with autograd's gradients, by sums and products alone: torch's own backward of
    PReLU is several times slower on a CPU."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, gamma: Tensor, slope: Tensor, zeta: Tensor) -> Tensor:
        u = x - per_channel(gamma, x.ndim, 1)
        ctx.save_for_backward(u, slope)
        return nn.functional.prelu(u, slope) + per_channel(zeta, x.ndim, 1)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, ...]:
        u, slope = ctx.saved_tensors
        (g,) = grads
        above = torch.ops.aten.threshold_backward(g, u, 0)  # g where u > 0, else 0
        below = g - above
        own = torch.addcmul(above, below, per_channel(slope, u.ndim, 1))
        axes = [0, *range(2, u.ndim)]
        return own, -own.sum(axes), (below * u).sum(axes), g.sum(axes)


class RPReLU(nn.Module):
    """ReActNet's shifted PReLU: ``y = prelu(x - gamma[c], slope[c]) + zeta[c]``, ``(N, C, ...)``; all three learned.

    gamma and zeta start at 0, the slope at 0.25. In training all of it is of the dtype of x. Source: Liu et al. 2020
    (ReActNet), sec. 4.2, eq. 5.

    >>> RPReLU(1)(torch.tensor([[-4.0, 2.0]]).view(1, 1, 2)).flatten().tolist()
    [-1.0, 2.0]
    """

    def __init__(self, channels: int, slope: float = 0.25) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.zeros(channels))
        self.slope = nn.Parameter(torch.full((channels,), slope))
        self.zeta = nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor) -> Tensor:
        if self.training and not torch.compiler.is_exporting():
            learned = (value.to(x.dtype) for value in (self.gamma, self.slope, self.zeta))
            y: Tensor = _Bend.apply(x, *learned)  # type: ignore[no-untyped-call]
            return y
        bent = nn.functional.prelu(x - per_channel(self.gamma, x.ndim, 1), self.slope)
        return bent + per_channel(self.zeta, x.ndim, 1)

    def extra_repr(self) -> str:
        return f"channels={self.slope.numel()}"
