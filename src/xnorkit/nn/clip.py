"""Latent weights: which they are, and how they are kept inside the window where their gradient can still flip them."""

from __future__ import annotations

import torch
from torch import nn

from .layers.binary import BinaryConv2d, BinaryLinear
from .layers.fewbit import FewBitConv2d, FewBitLinear

_LAYERS = (BinaryConv2d, BinaryLinear, FewBitConv2d, FewBitLinear)


def latent_weights(model: nn.Module) -> dict[str, nn.Parameter]:
    """Name -> weight of every binary and few-bit layer, in the order of ``model.named_modules()``.

    >>> list(latent_weights(nn.Sequential(nn.Linear(2, 2), BinaryLinear(2, 1))))
    ['1.weight']
    """
    return {f"{name}.weight".lstrip("."): m.weight for name, m in model.named_modules() if isinstance(m, _LAYERS)}


@torch.no_grad()
def uniform_weights_(model: nn.Module, limit: float = 1.0) -> int:
    """Draw ``latent_weights`` from U(-limit, limit), in place, from torch's generator; returns their number.

    Source: BinaryConnect's and BNN's first values. A weight near the edge of the window takes long to flip: with
    ``optim.lr_scale`` this, not the rate alone, sets how many flip a step.

    >>> layer = BinaryLinear(64, 64); _ = uniform_weights_(layer)
    >>> 0.9 < layer.weight.abs().max().item() <= 1.0
    True
    """
    weights = latent_weights(model).values()
    for weight in weights:
        weight.uniform_(-limit, limit)
    return len(weights)


@torch.no_grad()
def clip_weights_(model: nn.Module, limit: float = 1.0) -> int:
    """Clamp ``latent_weights`` to [-limit, limit], in place; call it after each optimizer step.

    Returns their number; other parameters are left alone. Source: Courbariaux et al. 2015, 2016
    (without it, latent weights drift away and stop changing sign).

    >>> layer = BinaryLinear(2, 1); _ = layer.weight.data.fill_(3.0)
    >>> clip_weights_(layer), layer.weight.tolist()
    (1, [[1.0, 1.0]])
    """
    weights = latent_weights(model).values()
    for weight in weights:
        weight.clamp_(-limit, limit)
    return len(weights)
