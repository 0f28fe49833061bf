"""Weight sharing: a layer's weights take the nearest of 2^bits values, found by k-means, which are then trained
(Han et al. 2016, Deep Compression, sec. 3). Zeros of pruned layers stay 0 beside them. Scalar quantization and
binarization of Gong et al. 2014 are its cases of k-means alone (``epochs=0``) and of two values by sign."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from ...errors import RecipeError
from ...nn.layers.state import QuantizedModule
from ...train.config import option
from ..kmeans import INITIAL, kmeans_1d, nearest
from ..layers import float_layers, per_layer
from ..scales import fix_norm, float_norms, scaled_layers, set_scales
from ..weights import Shared, hold
from .base import TrainedStage

if TYPE_CHECKING:
    from ..work import Work

SPARSE = 0.1
"""Share of zeros from which on they stay 0: fewer are chance."""
SIGN = "sign"


@dataclass(frozen=True)
class Share(TrainedStage):
    """2^bits values a layer, zeros of a pruned one not counted among them but in their number."""

    name: ClassVar[str] = "share"
    doc: ClassVar[str] = "2^bits values a layer by k-means, then trained (Han et al. 2016)"
    main: ClassVar[str] = "bits"

    bits: int = option(5, "of an index: 2^bits values a layer, the 0 of pruned weights among them", low=1, high=8)
    conv: int | None = option(None, "bits of convolutions, where they differ", low=1, high=8)
    biases: int | None = option(None, "bits of biases, where they share values too", low=1, high=8)
    norms: int | None = option(
        None, "bits of batch norms that stay numbers in the file: fixed from here on, their factors and addends share "
              "values", low=1, high=8)  # fmt: skip
    scales: int | None = option(None, "bits of binary layers' scales, one a filter; 0: one a layer", low=0, high=8)
    layers: dict[str, Any] = option({}, "LAYER=BITS: a layer's own bits")
    initial: str = option("linear", "the first centroids; sign: no k-means, two values of one bit, by a weight's sign "
                                    "(Gong et al. 2014, binarization)", choices=(*INITIAL, SIGN))  # fmt: skip
    epochs: int = option(2, "of training the values", low=0)
    lr: float = option(0.01, "factor on the recipe's learning rate", above=0)

    def check(self) -> None:
        self.check_layers(1, 8, whole=True)
        if self.initial == SIGN and any(bits != 1 for bits in (self.bits, self.conv or 1, *self.layers.values())):
            raise RecipeError("initial", "two values have one bit", got=self.text, expected="share:1:initial=sign")

    @property
    def first(self) -> str:
        """The first centroids of what is no weight: its signs say nothing."""
        return "linear" if self.initial == SIGN else self.initial

    def apply(self, model: nn.Module, work: Work) -> None:
        layers = float_layers(model)
        wide = {path: self.conv for path, layer in layers.items() if self.conv and isinstance(layer, nn.Conv2d)}
        for path, bits in per_layer(model, {**wide, **self.layers}, self.bits, "share").items():
            layer = layers[path]
            hold(layer, shared(layer.weight.detach(), int(bits), self.initial))
            if self.biases is not None and layer.bias is not None:
                hold(layer, shared(layer.bias.detach(), self.biases, self.first), "bias")
        if self.norms is not None:
            self._share_norms(model, work, self.norms)
        binary = [] if self.scales is None else self._share_scales(model, self.scales)
        self.train_on(model, work)
        for layer in binary:
            layer.weight.requires_grad_(True)

    def _share_norms(self, model: nn.Module, work: Work, bits: int) -> None:
        for path in float_norms(model, work.pictures(1)[0]):
            fixed = fix_norm(model, path)
            for name in ("weight", "bias"):
                hold(fixed, shared(getattr(fixed, name).detach(), bits, self.first), name)

    def _share_scales(self, model: nn.Module, bits: int) -> list[QuantizedModule]:
        """Set them; gives the layers, whose weights must stay until the stage has trained the rest."""
        found = scaled_layers(model)
        for path, layer in found.items():
            scales = layer.quantized_weight()[1].detach().double().numpy()
            few = kmeans_1d(scales, INITIAL[self.first](scales, 2**bits))
            set_scales(layer, path, torch.from_numpy(few[nearest(scales, few)]))
            layer.weight.requires_grad_(False)
        return list(found.values())


def shared(weight: Tensor, bits: int, initial: str = "linear") -> Shared:
    """The form of a weight with at most 2^bits values, by ``sign`` with the means of both sides of 0.

    >>> form = shared(torch.tensor([0.0, 0.0, 0.9, 1.1, -1.0, -1.2]), bits=2)
    >>> form.zero, form.index.tolist()
    (True, [0, 0, 2, 2, 1, 1])
    """
    flat = weight.reshape(-1).double().cpu().numpy()
    zero = bool((flat == 0).mean() >= SPARSE)
    alive = flat != 0 if zero else np.ones(len(flat), np.bool_)
    index = np.zeros(len(flat), np.int64)
    if initial == SIGN:
        index[alive] = (flat[alive] >= 0) + int(zero)
    elif alive.any():
        first = INITIAL[initial](flat[alive], 2**bits - int(zero))
        index[alive] = nearest(flat[alive], kmeans_1d(flat[alive], first)) + int(zero)
    return Shared(torch.from_numpy(index).view(weight.shape), zero)
