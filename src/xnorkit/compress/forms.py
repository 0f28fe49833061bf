"""How a layer becomes factors: what edit of the net, which shapes, and the ranks of an energy."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from ..nn.edits import edit_layer
from . import lowrank
from .layers import Layer

Ranks = tuple[int, ...]


@dataclass(frozen=True)
class Form:
    """edit: of ``nn.edits``; options: of it, from ranks; shapes: of the factors; spectra: the singular values that
    each rank is chosen by."""

    edit: str
    options: Callable[..., dict[str, Any]]
    shapes: Callable[..., list[tuple[int, ...]]]
    factors: Callable[..., lowrank.Factors]
    spectra: Callable[[Tensor], list[Tensor]]

    def numbers(self, weight: Tensor, ranks: Ranks) -> int:
        """How many the factors have."""
        return sum(math.prod(shape) for shape in self.shapes(weight, *ranks))

    def own(self, weight: Tensor, rank: int) -> Ranks:
        """That rank, or the highest that there is, of every spectrum; () for 0, and where nothing would be saved."""
        ranks = tuple(min(rank, len(spectrum)) for spectrum in self.spectra(weight))
        return ranks if rank and self.numbers(weight, ranks) < weight.numel() else ()

    @torch.no_grad()
    def apply(self, model: nn.Module, path: str, ranks: Ranks) -> None:
        """Put the factors of those ranks in the layer's place."""
        layer = model.get_submodule(path)
        new = edit_layer(model, path, self.edit, **self.options(*ranks))
        parts: list[Any] = list(new.children())
        for part, factor in zip(parts, self.factors(layer.weight.detach(), *ranks), strict=True):
            part.weight.copy_(factor)
        if layer.bias is not None:
            parts[-1].bias.copy_(layer.bias)


def _values(matrix: Tensor) -> Tensor:
    return torch.linalg.svdvals(matrix.double())


def _cut(weight: Tensor) -> Tensor:
    """The kernel as (O kW) x (C kH)."""
    return weight.permute(0, 3, 1, 2).reshape(weight.shape[0] * weight.shape[3], -1)


FORMS = {
    "svd": Form("factored", lambda r: {"rank": r}, lambda w, r: [(r, w.shape[1]), (w.shape[0], r)], lowrank.svd,
                 lambda w: [_values(w)]),
    "separable": Form("separable", lambda r: {"rank": r},
                       lambda w, r: [(r, w.shape[1], w.shape[2]), (w.shape[0], r, w.shape[3])], lowrank.separable,
                       lambda w: [_values(_cut(w))]),
    "tucker": Form("tucker", lambda low, high: {"ranks": [low, high]},
                    lambda w, low, high: [(low, w.shape[1]), (high, low, *w.shape[2:]), (w.shape[0], high)],
                    lowrank.tucker,
                    lambda w: [_values(lowrank.unfolding(w, 1)), _values(lowrank.unfolding(w, 0))]),
    "cp": Form("cp", lambda r: {"rank": r},
                lambda w, r: [(r, w.shape[1]), (r, w.shape[2]), (r, w.shape[3]), (w.shape[0], r)], lowrank.cp,
                lambda w: [_values(lowrank.unfolding(w, 0))]),
}  # fmt: skip
"""How a weight is factored, by name."""


def form_of(layer: Layer, conv: str) -> Form | None:
    """How the layer is factored, convolutions as ``conv`` says; None for those that are left alone: groups, kernels of
    one pixel."""
    if isinstance(layer, nn.Linear):
        return FORMS["svd"]
    plain = layer.groups == 1 and not isinstance(layer.padding, str) and layer.kernel_size != (1, 1)
    return FORMS[conv] if plain and conv != "none" else None
