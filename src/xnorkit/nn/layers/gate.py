"""Real-to-Binary's data-driven scale: the real input of a binary convolution says how much each channel counts."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class ChannelGate(nn.Module):
    """``G(x) = sigmoid(W2 relu(W1 mean_hw(x) + b1) + b2)``: ``(N, C, H, W) -> (N, O, 1, 1)``, numbers between 0 and 1.

    reduction: W1 has max(4, C // reduction) rows, for a single ReLU dies too easily. The layer multiplies its result
    by G of what it reads, before the sign; formed in the dtype of its weights, outside autocast.
    Source: Martinez et al. 2020 (Real-to-Binary), sec. 4, after squeeze-and-excitation.

    >>> ChannelGate(16, 32, 8)(torch.randn(2, 16, 5, 5)).shape
    torch.Size([2, 32, 1, 1])
    """

    def __init__(self, channels: int, out: int, reduction: int) -> None:
        super().__init__()
        narrow = max(4, channels // reduction)
        self.squeeze, self.excite = nn.Linear(channels, narrow), nn.Linear(narrow, out)

    def forward(self, x: Tensor) -> Tensor:
        if torch.compiler.is_exporting():
            return self._values(x.mean((2, 3)))
        with torch.autocast(x.device.type, enabled=False):
            return self._values(x.mean((2, 3), dtype=self.squeeze.weight.dtype))

    def _values(self, mean: Tensor) -> Tensor:
        y = self.excite(torch.relu(self.squeeze(mean)))
        return torch.sigmoid(y).view(*y.shape, 1, 1)
