"""Low rank: dense layers by SVD, convolutions by separable, Tucker or CP factors; the factors are trained on."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import torch
from torch import nn

from ...errors import RangeError, RecipeError
from ...train.config import option
from ...train.losses import make as make_loss
from ..forms import Form, Ranks, form_of
from ..layers import float_layers
from ..ranks import Cut, cuts, lost_energy, within
from .base import TrainedStage

if TYPE_CHECKING:
    from ..work import Work

JUDGES = 2000
"""Training pictures that a cut is judged by."""


@dataclass(frozen=True)
class LowRank(TrainedStage):
    """A layer is left as it is where its factors would not have fewer numbers."""

    name: ClassVar[str] = "lowrank"
    doc: ClassVar[str] = "products of smaller layers (Denton et al. 2014; Jaderberg; Kim: Tucker; Lebedev: CP)"
    main: ClassVar[str] = "energy"

    energy: float | None = option(None, "share of the squared singular values kept, of every layer", above=0, high=1)
    keep: float | None = option(None, "instead: a budget, the share of all layers' numbers kept", above=0, high=1)
    by: str = option("energy", "what the budget is divided by: energy lost, or the loss that each cut alone brings",
                     choices=("energy", "sensitivity"))  # fmt: skip
    layers: dict[str, Any] = option({}, "LAYER=RANK: a layer's own rank; 0 leaves it alone")
    conv: str = option("tucker", "how convolutions are factored", choices=("tucker", "separable", "cp", "none"))

    def check(self) -> None:
        if (self.energy is None) == (self.keep is None) and not (self.layers and self.keep is None):
            raise RecipeError("lowrank", "takes an energy or a share to keep", got=f"{self.energy} and {self.keep}",
                              hint="lowrank:0.9, or lowrank:keep=0.25")  # fmt: skip
        if self.by != "energy" and self.keep is None:
            raise RecipeError("lowrank", "by=sensitivity divides a budget", got="no budget", expected="keep=0.25")
        self.check_layers(0, 65535, whole=True)

    def apply(self, model: nn.Module, work: Work) -> None:
        layers = float_layers(model)
        if unknown := sorted(set(self.layers) - set(layers)):
            raise RangeError("lowrank", "layer", got=unknown[0], expected=f"one of {list(layers)}")
        forms = {path: form for path, layer in layers.items() if (form := form_of(layer, self.conv))}
        for path, ranks in self._ranks(model, work, forms).items():
            if ranks:
                forms[path].apply(model, path, ranks)
        self.train_on(model, work)

    def _ranks(self, model: nn.Module, work: Work, forms: dict[str, Form]) -> dict[str, Ranks]:
        """Of each layer: its own rank, or by energy, or what the budget leaves it; () for a layer left alone."""
        weights = {path: model.get_submodule(path).weight.detach() for path in forms}
        found = {path: forms[path].own(weights[path], rank) for path, rank in self.layers.items() if path in forms}
        rest = [path for path in forms if path not in found]
        if self.keep is not None:
            price = lost_energy if self.by == "energy" else self._price(model, work, forms)
            chosen = within({path: cuts(weights[path], forms[path]) for path in rest}, self.keep, price)
        elif self.energy is not None:
            chosen = {path: cuts(weights[path], forms[path], [self.energy])[-1] for path in rest}
        else:
            chosen = {}
        return found | {path: cut.ranks for path, cut in chosen.items()}

    def _price(self, model: nn.Module, work: Work, forms: dict[str, Form]) -> Callable[[str, Cut], float]:
        """(layer, cut) -> loss of the net with that layer alone cut, on training pictures."""
        images, labels = work.pictures(JUDGES)
        loss = make_loss(work.info.recipe.train)

        @torch.no_grad()
        def price(path: str, cut: Cut) -> float:
            tried = copy.deepcopy(model).eval()
            if cut.ranks:
                forms[path].apply(tried, path, cut.ranks)
            return float(loss(tried(images), labels))

        return price
