"""Knowledge distillation: the teacher's softened answers as targets."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F


def hinton(student: Tensor, teacher: Tensor, temperature: float) -> Tensor:
    """T^2 mean KL(softmax(teacher / T) || softmax(student / T)); scores are (N, K).

    T^2 keeps the size of the gradient while T is changed; the loss of the labels is added by its own weight.
    Source: Hinton, Vinyals and Dean 2015 (Distilling the knowledge in a neural network), sec. 2; Real-to-Binary's logit
    matching is this.

    >>> import torch
    >>> scores = torch.tensor([[2.0, 0.0, -1.0]])
    >>> hinton(scores, scores, 4.0).item(), hinton(scores.flip(1), scores, 4.0).item() > 0
    (0.0, True)
    """
    wanted, own = (F.log_softmax(scores / temperature, 1) for scores in (teacher, student))
    return temperature**2 * F.kl_div(own, wanted, reduction="batchmean", log_target=True)
