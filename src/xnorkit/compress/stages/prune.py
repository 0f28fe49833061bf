"""Pruning: weights of the least saliency become 0, the rest is trained on; once or in rounds.

Han et al. 2015 (magnitude; thresholds of quality times the layer's standard deviation; rounds; dropout shrinks with the
square root of what is left); LeCun et al. 1990, Optimal Brain Damage: saliency h_kk w_k^2 / 2.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import torch
from torch import Tensor, nn

from ...errors import RecipeError
from ...train.config import option
from ..layers import Layer, float_layers, per_layer
from ..weights import Kept, hold
from .base import TrainedStage

if TYPE_CHECKING:
    from ..work import Work


@dataclass(frozen=True)
class Prune(TrainedStage):
    """Sparsity by rank, or a threshold by quality; a layer's own value stands in ``layers``."""

    name: ClassVar[str] = "prune"
    doc: ClassVar[str] = (
        "weights of the least saliency to 0, the others trained on (Han et al. 2015; LeCun et al. 1990)"
    )
    main: ClassVar[str] = "sparsity"

    sparsity: float | None = option(None, "share of the weights that become 0", low=0, high=0.9999)
    quality: float | None = option(None, "instead: all below quality times the layer's standard deviation", above=0)
    layers: dict[str, Any] = option({}, "LAYER=VALUE: a layer's own sparsity or quality")
    scope: str = option("layer", "the same share of each layer, or the least of all", choices=("layer", "global"))
    by: str = option("magnitude", "saliency: the weight's size, or h w^2 / 2 with the loss's curvature h (obd)",
                     choices=("magnitude", "obd"))  # fmt: skip
    rounds: int = option(1, "times pruned and trained on, the kept share falling evenly in its logarithm", low=1)
    dropout: bool = option(True, "dropout while training on, times the square root of the share kept behind it")

    def check(self) -> None:
        if (self.sparsity is None) == (self.quality is None) and not (self.layers and self.quality is None):
            raise RecipeError("prune", "takes a sparsity or a quality", got=f"{self.sparsity} and {self.quality}",
                              hint="prune:0.9, or prune:quality=0.7")  # fmt: skip
        if self.scope == "global" and (self.layers or self.quality is not None):
            raise RecipeError("prune.scope", "global takes one sparsity", got="a quality, or layers of their own")
        if self.quality is not None and (self.rounds > 1 or self.by == "obd"):
            raise RecipeError("prune.quality", "is a threshold of sizes, met at once", got="rounds or by=obd")

        self.check_layers(0, 0.9999 if self.quality is None else math.inf)

    def apply(self, model: nn.Module, work: Work) -> None:
        for number in range(1, self.rounds + 1):
            share = number / self.rounds
            masks = self._masks(model, work, share)
            for path, mask in masks.items():
                hold(float_layers(model)[path], Kept(mask))
            kept = {path: float(mask.mean()) for path, mask in masks.items()}
            label = f"round-{number}" if self.rounds > 1 else "train"
            with rescaled_dropout(model, kept if self.dropout else {}):
                self.train_on(model, work, label)

    def _masks(self, model: nn.Module, work: Work, share: float) -> dict[str, Tensor]:
        """1 where a weight is kept. share: of the way, 0 to 1."""
        layers = float_layers(model)
        if self.quality is not None:
            chosen = per_layer(model, self.layers, self.quality, "prune")
            return {path: by_quality(layers[path].weight, quality) for path, quality in chosen.items()}
        saliency = work.saliency(model) if self.by == "obd" else {p: layer.weight.abs() for p, layer in layers.items()}
        if self.scope == "global":
            return global_masks(saliency, self._after(self.sparsity or 0.0, share))
        chosen = per_layer(model, self.layers, self.sparsity, "prune")
        return {path: rank_mask(saliency[path], self._after(value, share)) for path, value in chosen.items()}

    @staticmethod
    def _after(sparsity: float, share: float) -> float:
        return 1 - (1 - sparsity) ** share


@torch.no_grad()
def by_quality(weight: Tensor, quality: float) -> Tensor:
    """1 where |w| reaches quality times the standard deviation of the layer's weights that are not 0."""
    alive = weight[weight != 0]
    edge = quality * float(alive.std(correction=0)) if alive.numel() else 0.0
    return ((weight.abs() >= edge) & (weight != 0)).to(weight.dtype)


@torch.no_grad()
def rank_mask(saliency: Tensor, sparsity: float) -> Tensor:
    """0 at the floor(sparsity n) weights of the least saliency, of equal ones the first.

    >>> rank_mask(torch.tensor([3.0, 1.0, 2.0, 1.0]), 0.5).tolist()
    [1.0, 0.0, 1.0, 0.0]
    """
    flat = saliency.reshape(-1)
    mask = torch.ones_like(flat)
    mask[torch.argsort(flat, stable=True)[: math.floor(sparsity * len(flat) + 1e-9)]] = 0
    return mask.view_as(saliency)


def global_masks(saliency: dict[str, Tensor], sparsity: float) -> dict[str, Tensor]:
    """As ``rank_mask``, over all layers together."""
    whole = rank_mask(torch.cat([s.detach().reshape(-1) for s in saliency.values()]), sparsity)
    parts = whole.split([s.numel() for s in saliency.values()])
    return {path: part.view_as(s) for (path, s), part in zip(saliency.items(), parts, strict=True)}


class rescaled_dropout:
    """While it lasts, each dropout has D sqrt(C_r / C_o): of the layer behind it, the share of connections kept (Han et
    al. 2015, sec. 3.2). kept: path of a layer -> that share."""

    def __init__(self, model: nn.Module, kept: dict[str, float]) -> None:
        self.rates: list[tuple[nn.Module, float, float]] = []
        waiting: list[nn.Dropout] = []
        for path, module in model.named_modules():
            if isinstance(module, nn.Dropout):
                waiting.append(module)
            elif isinstance(module, Layer):
                self.rates += [(drop, drop.p, drop.p * math.sqrt(kept.get(path, 1.0))) for drop in waiting]
                waiting = []

    def __enter__(self) -> None:
        for drop, _, rate in self.rates:
            drop.p = rate  # type: ignore[assignment]

    def __exit__(self, *_: object) -> None:
        for drop, rate, _ in self.rates:
            drop.p = rate  # type: ignore[assignment]
