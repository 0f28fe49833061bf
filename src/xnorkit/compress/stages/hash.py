"""HashedNets: a hash deals the weights of a layer out over a few values, which are trained (Chen et al. 2015)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import torch
from torch import nn

from ...errors import RecipeError
from ...nn.edits import edit_layer
from ...nn.layers.formed import FormedLayer, Hashed
from ...train.config import option
from ..layers import per_layer, pictures_read
from .base import TrainedStage

if TYPE_CHECKING:
    from ..work import Work


@dataclass(frozen=True)
class Hash(TrainedStage):
    """Values begin as their buckets' means; a hash does not care for what was trained, so most of the training is
    done again."""

    name: ClassVar[str] = "hash"
    doc: ClassVar[str] = "weights dealt out by a hash over a few values, signs too (Chen et al. 2015, HashedNets)"
    main: ClassVar[str] = "share"

    share: float | None = option(None, "values a layer has, of its number of weights", above=0, high=1)
    layers: dict[str, Any] = option({}, "LAYER=SHARE: a layer's own; 1 leaves it alone")
    seed: int = option(0, "of the first layer's hashes; each further one has the next", low=0)
    epochs: int = option(12, "of training the values", low=0)
    lr: float = option(1.0, "factor on the recipe's learning rate", above=0)

    def check(self) -> None:
        if self.share is None and not self.layers:
            raise RecipeError("hash", "takes a share", got=None, expected="e.g. hash:0.125")
        self.check_layers(1e-6, 1)

    def apply(self, model: nn.Module, work: Work) -> None:
        example, _ = work.pictures(1)
        pictures = pictures_read(model, example)
        for number, (path, share) in enumerate(per_layer(model, self.layers, self.share, "hash").items()):
            if share < 1:
                hash_layer(model, path, float(share), self.seed + number, pictures.get(path))
        self.train_on(model, work)


@torch.no_grad()
def hash_layer(model: nn.Module, path: str, share: float, seed: int, picture: tuple[int, int, int] | None) -> None:
    """Put a hashed layer in the place of one, each value its bucket's mean, signs taken off; of zero mean, as hashes
    have it, and so scaled to the spread that the weights had."""
    layer = model.get_submodule(path)
    weight, bias = layer.weight.detach(), layer.bias
    options = {} if picture is None else {"picture": list(picture)}
    buckets = max(1, round(share * weight.numel()))
    new = edit_layer(model, path, "hashed", buckets=buckets, seed=seed, **options)
    assert isinstance(new, FormedLayer) and isinstance(new.form, Hashed)
    form = new.form
    flat = stored_order(weight, picture).reshape(-1).double() * form.sign
    count = torch.bincount(form.bucket.long(), minlength=buckets).clamp(min=1)
    mean = torch.zeros(buckets, dtype=torch.float64).index_add_(0, form.bucket.long(), flat) / count
    spread = mean.std(correction=0)
    form.values.copy_(mean * (flat.std(correction=0) / spread if spread > 0 else 1.0))
    if bias is not None:
        new.bias.copy_(bias)


def stored_order(weight: torch.Tensor, picture: tuple[int, int, int] | None) -> torch.Tensor:
    """A weight of torch as (O, H, W, C), the packed file's order."""
    if weight.dim() == 2:
        weight = weight.view(len(weight), *(picture or (weight.shape[1], 1, 1)))
    return weight.permute(0, 2, 3, 1)
