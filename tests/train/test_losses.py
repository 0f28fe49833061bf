"""Losses of a teacher against their law, in float64."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch

from xnorkit.reference import distillation as law
from xnorkit.train.losses import DISTILLATIONS, LOSSES, attention, distribution, hinton, logits
from xnorkit.train.options import DistillOptions, TrainOptions

Loss = Callable[..., object]
SCORES: dict[str, tuple[Loss, Loss, Loss]] = {
    "hinton": (lambda s, t: hinton(s, t, 3.0), lambda s, t: law.hinton(s, t, 3.0),
               lambda s, t: law.hinton_gradient(s, t, 3.0)),
    "distribution": (distribution, law.distribution, law.distribution_gradient),
    "logits": (logits, law.logits, law.logits_gradient),
}  # fmt: skip


def held_to_its_law(loss: Loss, value: Loss, gradient: Loss, student: np.ndarray, teacher: np.ndarray) -> None:
    leaf = torch.from_numpy(student).requires_grad_()
    found = loss(leaf, torch.from_numpy(teacher))
    found.backward()
    np.testing.assert_allclose(found.item(), value(student, teacher), rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(leaf.grad.numpy(), gradient(student, teacher), rtol=1e-9, atol=1e-13)


@pytest.mark.parametrize("name", SCORES)
@pytest.mark.parametrize("size", [0.1, 3.0, 100.0])
def test_losses_over_scores_are_their_law(name: str, size: float) -> None:
    rng = np.random.default_rng(1)
    for shape in ((1, 2), (7, 10), (3, 1)):
        held_to_its_law(*SCORES[name], size * rng.standard_normal(shape), size * rng.standard_normal(shape))


def test_attention_is_its_law_for_other_widths_too() -> None:
    rng = np.random.default_rng(2)
    for own, theirs, height, width in ((3, 3, 4, 5), (2, 7, 1, 3), (1, 1, 1, 1)):
        student, teacher = rng.standard_normal((4, own, height, width)), rng.standard_normal((4, theirs, height, width))
        held_to_its_law(attention, law.attention, law.attention_gradient, student, teacher)


def test_a_map_of_zeros_gives_numbers() -> None:
    leaf = torch.zeros(1, 2, 3, 3, requires_grad=True)
    attention(leaf, torch.ones(1, 2, 3, 3)).backward()
    assert bool(torch.isfinite(leaf.grad).all())


def test_every_row_is_a_choice_of_the_recipe() -> None:
    assert DistillOptions.__dataclass_fields__["loss"].metadata["choices"] == (*DISTILLATIONS, "none")
    assert set(TrainOptions.__dataclass_fields__["loss"].metadata["choices"]) == set(LOSSES)
    assert set(SCORES) == set(DISTILLATIONS)
    rng = np.random.default_rng(3)
    student, teacher = (torch.from_numpy(rng.standard_normal((4, 5))) for _ in range(2))
    for name, row in DISTILLATIONS.items():
        options = DistillOptions(loss=name, temperature=3.0)
        assert row.loss(student, teacher, options).item() == SCORES[name][0](student, teacher).item()
