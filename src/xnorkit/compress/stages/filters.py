"""Whole filters and neurons of the least size go, and the layers shrink (Li et al. 2017, Pruning Filters)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from torch import nn

from ...errors import RecipeError
from ...train.config import option
from ..layers import float_layers
from ..resize import resized, torch_pruning
from .base import TrainedStage

if TYPE_CHECKING:
    from ..work import Work


@dataclass(frozen=True)
class Filters(TrainedStage):
    """The scores' layer keeps its outputs; what hangs together over a sum goes together."""

    name: ClassVar[str] = "filters"
    doc: ClassVar[str] = "whole channels of the least L1 norm taken out, the net trained on (Li et al. 2017)"
    main: ClassVar[str] = "share"

    share: float | None = option(None, "of the channels of each layer that goes", above=0, high=0.99)
    scope: str = option("layer", "the same share of each layer, or the least of all", choices=("layer", "global"))

    def check(self) -> None:
        if self.share is None:
            raise RecipeError("filters", "takes a share", got=None, expected="e.g. filters:0.5")

    def apply(self, model: nn.Module, work: Work) -> None:
        example, _ = work.pictures(2)
        scores = list(float_layers(model).values())[-1]
        with resized(model.eval(), example):
            library = torch_pruning()
            library.pruner.BasePruner(
                model, example, importance=library.importance.MagnitudeImportance(p=1), pruning_ratio=self.share,
                global_pruning=self.scope == "global", ignored_layers=[scores],
            ).step()  # fmt: skip
        self.train_on(model, work)
