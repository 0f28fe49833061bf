"""Low rank: dense layers by SVD, convolutions by separable, Tucker or CP factors; the factors are trained on."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import torch
from torch import Tensor, nn

from ...errors import RangeError, RecipeError
from ...nn.edits import edit_layer
from ...train.config import option
from .. import lowrank
from ..layers import Layer, float_layers
from .base import TrainedStage

if TYPE_CHECKING:
    from ..work import Work


@dataclass(frozen=True)
class LowRank(TrainedStage):
    """A layer is left as it is where its factors would not have fewer numbers."""

    name: ClassVar[str] = "lowrank"
    doc: ClassVar[str] = "products of smaller layers (Denton et al. 2014; Jaderberg; Kim: Tucker; Lebedev: CP)"
    main: ClassVar[str] = "energy"

    energy: float | None = option(None, "share of the squared singular values kept", above=0, high=1)
    keep: float | None = option(None, "instead: share of each layer's numbers kept", above=0, high=1)
    layers: dict[str, Any] = option({}, "LAYER=RANK: a layer's own rank; 0 leaves it alone")
    conv: str = option("tucker", "how convolutions are factored", choices=("tucker", "separable", "cp", "none"))

    def check(self) -> None:
        if (self.energy is None) == (self.keep is None) and not (self.layers and self.keep is None):
            raise RecipeError("lowrank", "takes an energy or a share to keep", got=f"{self.energy} and {self.keep}",
                              hint="lowrank:0.9, or lowrank:keep=0.25")  # fmt: skip
        self.check_layers(0, 65535, whole=True)

    def apply(self, model: nn.Module, work: Work) -> None:
        layers = float_layers(model)
        if unknown := sorted(set(self.layers) - set(layers)):
            raise RangeError("lowrank", "layer", got=unknown[0], expected=f"one of {list(layers)}")
        for path, layer in layers.items():
            self._factor(model, path, layer)
        self.train_on(model, work)

    @torch.no_grad()
    def _factor(self, model: nn.Module, path: str, layer: Layer) -> None:
        form = self._form(layer)
        if form is None or (path not in self.layers and self.energy is None and self.keep is None):
            return
        weight = layer.weight.detach()
        ranks = form.ranks(weight, self.energy, self.keep, self.layers.get(path))
        if min(ranks) < 1 or sum(math.prod(s) for s in form.shapes(weight, *ranks)) >= weight.numel():
            return
        new = edit_layer(model, path, form.edit, **form.options(*ranks))
        parts: list[Any] = list(new.children())
        for part, factor in zip(parts, form.factors(weight, *ranks), strict=True):
            part.weight.copy_(factor)
        if layer.bias is not None:
            parts[-1].bias.copy_(layer.bias)

    def _form(self, layer: Layer) -> _Form | None:
        """How the layer is factored; None for those that are left alone: kernels of one pixel too, but as matrices."""
        if isinstance(layer, nn.Linear):
            return FORMS["svd"]
        plain = layer.groups == 1 and not isinstance(layer.padding, str) and layer.kernel_size != (1, 1)
        return FORMS[self.conv] if plain and self.conv != "none" else None


@dataclass(frozen=True)
class _Form:
    """edit: of ``nn.edits``; options: of it, from ranks; shapes: of the factors; spectra: the singular values that
    each rank is chosen by."""

    edit: str
    options: Callable[..., dict[str, Any]]
    shapes: Callable[..., list[tuple[int, ...]]]
    factors: Callable[..., lowrank.Factors]
    spectra: Callable[[Tensor], list[Tensor]]

    def ranks(self, weight: Tensor, energy: float | None, keep: float | None, own: int | None) -> list[int]:
        """One rank for each spectrum: the layer's own, by energy, or the largest of which the factors have no more
        than ``keep`` of the weight's numbers (ranks in proportion to the sides)."""
        spectra = self.spectra(weight)
        if own is not None:
            return [min(own, len(s)) for s in spectra]
        if energy is not None:
            return [lowrank.rank_by_energy(s, energy) for s in spectra]
        fits = [0] * len(spectra)
        longest = max(len(s) for s in spectra)
        for step in range(1, longest + 1):
            ranks = [max(1, round(step * len(s) / longest)) for s in spectra]
            if sum(math.prod(s) for s in self.shapes(weight, *ranks)) > (keep or 0) * weight.numel():
                break
            fits = ranks
        return fits


def _values(matrix: Tensor) -> Tensor:
    return torch.linalg.svdvals(matrix.double())


def _cut(weight: Tensor) -> Tensor:
    """The kernel as (O kW) x (C kH)."""
    return weight.permute(0, 3, 1, 2).reshape(weight.shape[0] * weight.shape[3], -1)


FORMS = {
    "svd": _Form("factored", lambda r: {"rank": r}, lambda w, r: [(r, w.shape[1]), (w.shape[0], r)], lowrank.svd,
                 lambda w: [_values(w)]),
    "separable": _Form("separable", lambda r: {"rank": r},
                       lambda w, r: [(r, w.shape[1], w.shape[2]), (w.shape[0], r, w.shape[3])], lowrank.separable,
                       lambda w: [_values(_cut(w))]),
    "tucker": _Form("tucker", lambda low, high: {"ranks": [low, high]},
                    lambda w, low, high: [(low, w.shape[1]), (high, low, *w.shape[2:]), (w.shape[0], high)],
                    lowrank.tucker,
                    lambda w: [_values(lowrank.unfolding(w, 1)), _values(lowrank.unfolding(w, 0))]),
    "cp": _Form("cp", lambda r: {"rank": r},
                lambda w, r: [(r, w.shape[1]), (r, w.shape[2]), (r, w.shape[3]), (w.shape[0], r)], lowrank.cp,
                lambda w: [_values(lowrank.unfolding(w, 0))]),
}  # fmt: skip
"""How a weight is factored, by name."""
