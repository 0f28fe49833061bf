"""A factor and an addend a channel: what a batch norm is once its statistics no longer change."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from ...errors import UnsupportedError


class ChannelAffine(nn.Module):
    """``y = weight[c] * x + bias[c]``: ``(N, C, ...)`` to the same, in training as in evaluation.

    Formed by torch's batch norm of mean 0 and variance 1, so that packed floats are these.

    >>> layer = ChannelAffine(2)
    >>> layer.weight.data, layer.bias.data = torch.tensor([2.0, 3.0]), torch.tensor([0.0, 1.0])
    >>> layer(torch.ones(1, 2)).tolist()
    [[2.0, 4.0]]
    """

    zero: Tensor
    one: Tensor

    def __init__(self, num_features: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(num_features))
        self.bias = nn.Parameter(torch.zeros(num_features))
        self.register_buffer("zero", torch.zeros(num_features), persistent=False)
        self.register_buffer("one", torch.ones(num_features), persistent=False)

    @torch.no_grad()
    def take(self, norm: _BatchNorm) -> ChannelAffine:
        """Become what a batch norm computes in evaluation; returns self. Raises UnsupportedError without statistics.

        >>> norm = nn.BatchNorm1d(1, eps=0.0).eval(); norm.running_var.fill_(4.0).tolist()
        [4.0]
        >>> ChannelAffine(1).take(norm)(torch.tensor([[3.0]])).tolist()
        [[1.5]]
        """
        if norm.running_mean is None or norm.running_var is None:
            raise UnsupportedError("ChannelAffine", "a batch norm without running statistics")
        gamma = torch.ones_like(norm.running_var) if norm.weight is None else norm.weight
        scale = gamma / torch.sqrt(norm.running_var + norm.eps)
        shift = -norm.running_mean * scale
        self.weight.copy_(scale)
        self.bias.copy_(shift if norm.bias is None else norm.bias + shift)
        return self

    def forward(self, x: Tensor) -> Tensor:
        return nn.functional.batch_norm(x, self.zero, self.one, self.weight, self.bias, False, 0.0, 0.0)

    def extra_repr(self) -> str:
        return f"num_features={self.weight.numel()}"
