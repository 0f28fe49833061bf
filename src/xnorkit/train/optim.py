"""The table of optimizers, and the split of parameters into decayed and not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import nn, optim

from xnorkit.train.recipe import OptimOptions

Groups = list[dict[str, Any]]

OPTIMIZERS: dict[str, Callable[[Groups, OptimOptions], optim.Optimizer]] = {
    "sgd": lambda groups, o: optim.SGD(groups, lr=o.lr, momentum=o.momentum, nesterov=o.nesterov),
    "adam": lambda groups, o: optim.Adam(groups, lr=o.lr, betas=(o.betas[0], o.betas[1]), eps=o.eps),
    "adamw": lambda groups, o: optim.AdamW(groups, lr=o.lr, betas=(o.betas[0], o.betas[1]), eps=o.eps),
}
"""Name -> optimizer over parameter groups; each group carries its own ``weight_decay``."""


def groups(model: nn.Module, weight_decay: float) -> Groups:
    """Two parameter groups: tensors of two axes and more take ``weight_decay``; biases, norms and scales take none."""
    wanted = [p for p in model.parameters() if p.requires_grad]
    decayed = {"params": [p for p in wanted if p.ndim >= 2], "weight_decay": weight_decay}
    free = {"params": [p for p in wanted if p.ndim < 2], "weight_decay": 0.0}
    return [group for group in (decayed, free) if group["params"]]


def make(model: nn.Module, options: OptimOptions) -> optim.Optimizer:
    """The recipe's optimizer over the model's trainable parameters.

    >>> type(make(nn.Linear(2, 1), OptimOptions(name="adamw"))).__name__
    'AdamW'
    """
    return OPTIMIZERS[options.name](groups(model, options.weight_decay), options)
