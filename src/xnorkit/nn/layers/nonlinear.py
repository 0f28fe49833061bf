"""Nonlinearities of binary networks, between the sums where floats flow."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ..quantizers.base import per_channel


class RPReLU(nn.Module):
    """ReActNet's shifted PReLU: ``y = prelu(x - gamma[c], slope[c]) + zeta[c]``, ``(N, C, ...)``; all three learned.

    gamma and zeta start at 0, the slope at 0.25. Source: Liu et al. 2020 (ReActNet), sec. 4.2, eq. 5.

    >>> RPReLU(1)(torch.tensor([[-4.0, 2.0]]).view(1, 1, 2)).flatten()
    tensor([-1.,  2.], grad_fn=<ViewBackward0>)
    """

    def __init__(self, channels: int, slope: float = 0.25) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.zeros(channels))
        self.slope = nn.Parameter(torch.full((channels,), slope))
        self.zeta = nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor) -> Tensor:
        bent = nn.functional.prelu(x - per_channel(self.gamma, x.ndim, 1), self.slope)
        return bent + per_channel(self.zeta, x.ndim, 1)

    def extra_repr(self) -> str:
        return f"channels={self.slope.numel()}"
