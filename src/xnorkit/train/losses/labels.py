"""The table of losses over scores (N, K) and labels (N,)."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from torch import Tensor
from torch.nn import functional as F

from xnorkit.train.options import TrainOptions

Loss = Callable[[Tensor, Tensor], Tensor]


def squared_hinge(scores: Tensor, labels: Tensor) -> Tensor:
    """mean over N and K of max(0, 1 - t*s)^2, t = +1 for the label and -1 elsewhere. Source: Courbariaux et al. 2015.

    >>> import torch
    >>> squared_hinge(torch.tensor([[1.0, 0.0]]), torch.tensor([0])).item()
    0.5
    """
    target = 2.0 * F.one_hot(labels, scores.shape[1]) - 1.0
    return (1 - target * scores).clamp(min=0).square().mean()


LOSSES: dict[str, Callable[[TrainOptions], Loss]] = {
    "cross_entropy": lambda o: partial(F.cross_entropy, label_smoothing=o.label_smoothing),
    "squared_hinge": lambda o: squared_hinge,
}
"""Name -> maker of the loss from the recipe's options."""


def make(options: TrainOptions) -> Loss:
    """The recipe's loss."""
    return LOSSES[options.loss](options)
