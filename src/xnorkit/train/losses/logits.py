"""Mimic nets: regression on the teacher's scores."""

from __future__ import annotations

from torch import Tensor


def logits(student: Tensor, teacher: Tensor) -> Tensor:
    """mean 1/2 |student - teacher|^2; scores are (N, K), before any softmax.

    Source: Ba and Caruana 2014 (Do deep nets really need to be deep?), eq. 1.

    >>> import torch
    >>> logits(torch.tensor([[1.0, 2.0]]), torch.zeros(1, 2))
    tensor(2.5000)
    """
    return (student - teacher).square().sum(1).mean() / 2
