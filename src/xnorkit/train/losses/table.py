"""THE TABLE of losses over the scores of student and teacher, by the name a recipe's ``distill.loss`` gives."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

from xnorkit.train.losses.distribution import distribution
from xnorkit.train.losses.hinton import hinton
from xnorkit.train.losses.logits import logits
from xnorkit.train.options import DistillOptions


@dataclass(frozen=True)
class Distillation:
    """A row. loss: (student's scores, teacher's, options) -> mean loss. weight: its share where a recipe names none."""

    name: str
    loss: Callable[[Tensor, Tensor, DistillOptions], Tensor]
    weight: float


DISTILLATIONS: dict[str, Distillation] = {
    row.name: row
    for row in (
        Distillation("hinton", lambda student, teacher, o: hinton(student, teacher, o.temperature), 0.5),
        Distillation("distribution", lambda student, teacher, o: distribution(student, teacher), 1.0),
        Distillation("logits", lambda student, teacher, o: logits(student, teacher), 1.0),
    )
}
