"""How a model's parameters are dealt into groups: binary layers' weights or not, decayed or not, and by their scale."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from torch import Tensor, nn

from xnorkit.nn.clip import latent_weights
from xnorkit.reference.optimizers import glorot_scale
from xnorkit.train.optim.shift_adamax import nearest

Groups = list[dict[str, Any]]

LR_SCALES: dict[str, Callable[[Tensor], float]] = {
    "none": lambda weight: 1.0,
    "glorot": lambda weight: glorot_scale(weight.shape),
    "glorot-ap2": lambda weight: nearest(glorot_scale(weight.shape)),
}
"""Name -> factor on the step of a binary layer's weight."""


def split(model: nn.Module) -> tuple[list[Tensor], list[Tensor]]:
    """(weights of binary and few-bit layers, every other parameter), those that are trained."""
    latent = list(latent_weights(model).values())
    chosen = {id(weight) for weight in latent}
    others = [p for p in model.parameters() if p.requires_grad and id(p) not in chosen]
    return [weight for weight in latent if weight.requires_grad], others


def groups(params: Iterable[Tensor], weight_decay: float, scale: Callable[[Tensor], float]) -> Groups:
    """One group per (decayed, scale), in the order of appearance.

    Tensors of two axes and more take ``weight_decay``; biases, norms and scales take none.

    >>> layer = nn.Linear(2, 3)
    >>> [(len(g["params"]), g["weight_decay"], g["scale"]) for g in groups(layer.parameters(), 0.1, lambda p: 1.0)]
    [(1, 0.1, 1.0), (1, 0.0, 1.0)]
    """
    found: dict[tuple[bool, float], dict[str, Any]] = {}
    for p in params:
        decayed, factor = p.ndim >= 2, scale(p)
        group = {"params": [], "weight_decay": weight_decay if decayed else 0.0, "scale": factor}
        found.setdefault((decayed, factor), group)["params"].append(p)
    return list(found.values())
