"""What a step makes small: the loss of the labels alone, or with what the student is to match of a teacher."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from xnorkit.errors import RecipeError, ShapeError
from xnorkit.train.losses import DISTILLATIONS, Loss, attention
from xnorkit.train.options import DistillOptions


@dataclass
class Objective:
    """The loss of the labels. parts: names of what it is the sum of, where a teacher adds something."""

    labels: Loss
    parts: tuple[str, ...] = ()
    identity: str = ""
    """What tells one teacher from another; a resumed run asks for the same."""

    @contextmanager
    def watching(self) -> Iterator[None]:
        """The student runs within; what is matched of its layers is kept."""
        yield

    def __call__(self, scores: Tensor, labels: Tensor, images: Tensor) -> tuple[Tensor, Tensor]:
        """(mean loss of the batch, its parts ``(P,)`` before weighing) of scores (N, K); images are the student's."""
        return self.labels(scores, labels), scores.new_zeros(0)

    def close(self) -> None:
        """Leave the student as it was."""


class Distilled(Objective):
    """(1 - weight) labels + weight soft + attention_weight attention, with a frozen teacher (``recipe.distill``).

    The teacher sees the pictures as the student does, moved and mirrored; it is in eval mode, without gradients, and
    no part of the student: no checkpoint holds it.

    Raises
    ------
    RecipeError: a module to match that one of the nets does not have. ShapeError: maps or scores of other sizes. Both
        are found by running the nets on two black pictures.
    """

    def __init__(self, labels: Loss, options: DistillOptions, teacher: nn.Module, student: nn.Module,
                 shape: tuple[int, int, int]) -> None:  # fmt: skip
        self.options, self.teacher = options, teacher.eval().requires_grad_(False)
        row = DISTILLATIONS.get(options.loss)
        self.soft = row.loss if row is not None else None
        self.weight = 0.0 if row is None else row.weight if options.weight is None else options.weight
        names = ["labels", *([row.name] if row is not None else []), *(["attention"] if options.attention else [])]
        super().__init__(labels, tuple(names), digest(teacher))
        pairs = [(own, theirs or own) for own, _, theirs in (text.partition("=") for text in options.attention)]
        self.own = _Taps(student, [own for own, _ in pairs], "student")
        self.theirs = _Taps(teacher, [theirs for _, theirs in pairs], "teacher")
        self._rehearse(student, shape)

    @contextmanager
    def watching(self) -> Iterator[None]:
        with self.own.open():
            yield

    def __call__(self, scores: Tensor, labels: Tensor, images: Tensor) -> tuple[Tensor, Tensor]:
        with torch.no_grad(), self.theirs.open():
            wanted = self.teacher(images).float()
        with torch.set_grad_enabled(torch.is_grad_enabled() and self.weight < 1):
            parts = [self.labels(scores, labels)]
        total = (1 - self.weight) * parts[0] if self.weight < 1 else scores.new_zeros(())
        if self.soft is not None:
            parts.append(self.soft(scores, wanted, self.options))
            total = total + self.weight * parts[-1]
        if self.own.names:
            maps = zip(self.own.taken(), self.theirs.taken(), strict=True)
            parts.append(torch.stack([attention(own, theirs) for own, theirs in maps]).sum())
            total = total + self.options.attention_weight * parts[-1]
        return total, torch.stack([part.detach() for part in parts])

    def close(self) -> None:
        self.own.close()
        self.theirs.close()

    @torch.no_grad()
    def _rehearse(self, student: nn.Module, shape: tuple[int, int, int]) -> None:
        """Both nets on two black pictures of ``shape`` (H, W, C): do their answers and maps fit each other?"""
        first = next(student.parameters())
        height, width, channels = shape
        black = torch.zeros(2, channels, height, width, device=first.device)
        training = student.training
        with self.own.open(), self.theirs.open():
            scores, wanted = student.eval()(black), self.teacher.to(first.device)(black)
        student.train(training)
        if scores.shape != wanted.shape:
            raise ShapeError("distill.teacher", "scores", got=tuple(wanted.shape[1:]), expected=tuple(scores.shape[1:]))
        for name, own, theirs in zip(self.options.attention, self.own.taken(), self.theirs.taken(), strict=True):
            if own.ndim != 4 or theirs.ndim != 4 or own.shape[2:] != theirs.shape[2:]:
                raise ShapeError("distill.attention", f"maps of {name}",
                                 got=f"{tuple(own.shape[1:])} of the student, {tuple(theirs.shape[1:])} of the teacher",
                                 expected="(C, H, W) with the same H and W")  # fmt: skip


class _Taps:
    """The outputs of named modules, kept while open."""

    def __init__(self, model: nn.Module, names: Sequence[str], whose: str) -> None:
        self.names, self.on = list(names), False
        self.kept: dict[str, Tensor] = {}
        modules = dict(model.named_modules())
        for name in names:
            if name not in modules or not name:
                inner = [key for key, module in modules.items() if key and not list(module.children())]
                raise RecipeError("distill.attention", f"no such module of the {whose}", got=name,
                                  expected="one of " + ", ".join(inner))  # fmt: skip
        self.handles = [modules[name].register_forward_hook(self._keep(name)) for name in dict.fromkeys(names)]

    def _keep(self, name: str) -> Any:
        def hook(module: nn.Module, inputs: Any, output: Tensor) -> None:
            if self.on:
                self.kept[name] = output

        return hook

    @contextmanager
    def open(self) -> Iterator[None]:
        self.on = True
        try:
            yield
        finally:
            self.on = False

    def taken(self) -> list[Tensor]:
        """What was kept, in the order of the names, in float32 whatever autocast made of it; it is let go."""
        kept, self.kept = self.kept, {}
        return [kept[name].float() for name in self.names]

    def close(self) -> None:
        for handle in self.handles:
            handle.remove()


def digest(model: nn.Module) -> str:
    """SHA-256 over a model's names and tensors."""
    found = hashlib.sha256()
    for name, value in model.state_dict().items():
        found.update(name.encode() + value.detach().cpu().contiguous().numpy().tobytes())
    return found.hexdigest()
