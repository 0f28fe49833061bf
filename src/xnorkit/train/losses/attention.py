"""Attention matching: a layer of the student looks where its teacher's looks."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F

from xnorkit.reference.distillation import SMALLEST


def attention_map(activations: Tensor) -> Tensor:
    """Q = sum_c A_c^2 of (N, C, H, W), as a vector (N, H W) of length 1."""
    return F.normalize(activations.square().sum(1).flatten(1), dim=1, eps=SMALLEST)


def attention(student: Tensor, teacher: Tensor) -> Tensor:
    """mean | Q_S/|Q_S| - Q_T/|Q_T| | of one pair of layers, (N, C, H, W); channels may differ.

    Source: Martinez et al. 2020 (Real-to-Binary), sec. 4.2, after Zagoruyko and Komodakis 2017, eq. 2. Deviates: larq's
    code divides each map by its largest value and takes the mean of squares.

    >>> import torch
    >>> left, right = torch.tensor([[[[1.0, 0.0]]]]), torch.tensor([[[[0.0, 2.0]]]])
    >>> attention(left, right).item(), attention(left, 3 * left).item()
    (1.4142135381698608, 0.0)
    """
    return (attention_map(student) - attention_map(teacher)).norm(dim=1).mean()
