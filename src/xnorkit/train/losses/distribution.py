"""ReActNet's distributional loss: the teacher's softmax in place of the labels."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F


def distribution(student: Tensor, teacher: Tensor) -> Tensor:
    """mean KL(softmax(teacher) || softmax(student)); scores are (N, K).

    Source: Liu et al. 2020 (ReActNet), eq. 7, whose code leaves out the teacher's entropy, a constant.

    >>> import torch
    >>> distribution(torch.zeros(1, 2), torch.tensor([[100.0, 0.0]]))
    tensor(0.6931)
    """
    return F.kl_div(F.log_softmax(student, 1), F.log_softmax(teacher, 1), reduction="batchmean", log_target=True)
