"""Keep latent weights inside the window where their gradient can still flip them."""

from __future__ import annotations

import torch
from torch import nn

from .layers.binary import BinaryConv2d, BinaryLinear
from .layers.fewbit import FewBitConv2d, FewBitLinear

_LAYERS = (BinaryConv2d, BinaryLinear, FewBitConv2d, FewBitLinear)


@torch.no_grad()
def clip_weights_(model: nn.Module, limit: float = 1.0) -> int:
    """Clamp the latent weights of every binary and few-bit layer to [-limit, limit], in place.

    Call it after each optimizer step. Returns the number of layers touched; other parameters are left alone.
    Source: Courbariaux et al. 2015, 2016 (without it, latent weights drift away and stop changing sign).

    >>> layer = BinaryLinear(2, 1); _ = layer.weight.data.fill_(3.0)
    >>> clip_weights_(layer), layer.weight.tolist()
    (1, [[1.0, 1.0]])
    """
    layers = [m for m in model.modules() if isinstance(m, _LAYERS)]
    for layer in layers:
        layer.weight.clamp_(-limit, limit)
    return len(layers)
