"""Vector quantization: parts of a layer's rows take the nearest of a few vectors (Gong et al. 2014)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from ...nn.edits import edit_layer
from ...nn.layers.formed import FormedLayer, Vectors
from ...train.config import option
from ..layers import float_layers, pictures_read
from .base import TrainedStage
from .hash import stored_order

if TYPE_CHECKING:
    from ..work import Work


@dataclass(frozen=True)
class Vector(TrainedStage):
    """Product quantization; with several stages each quantizes what the one before left (residual quantization)."""

    name: ClassVar[str] = "vector"
    doc: ClassVar[str] = "product and residual quantization of dense layers and 1x1 convolutions (Gong et al. 2014)"
    main: ClassVar[str] = "width"

    width: int = option(4, "columns of a vector; a layer takes the largest divisor of its columns up to it", low=1)
    values: int = option(16, "vectors of each segment and stage", low=2, high=256)
    stages: int = option(1, "vectors that are added up", low=1, high=16)
    layers: dict[str, Any] = option({}, "LAYER=WIDTH: only these layers, each with its own width")
    kernels: bool = option(False, "convolutions of larger kernels too")
    seed: int = option(0, "of k-means", low=0)
    epochs: int = option(2, "of training the vectors", low=0)
    lr: float = option(0.01, "factor on the recipe's learning rate", above=0)

    def check(self) -> None:
        self.check_layers(1, 65535, whole=True)

    def apply(self, model: nn.Module, work: Work) -> None:
        example, _ = work.pictures(1)
        pictures = pictures_read(model, example)
        for path, layer in float_layers(model).items():
            width = self.layers.get(path, 0) if self.layers else self.width
            whole = isinstance(layer, nn.Linear) or layer.kernel_size == (1, 1) or self.kernels or path in self.layers
            if width and whole and layer.weight.shape[0] > self.values:
                self._quantize(model, path, int(width), pictures.get(path))
        self.train_on(model, work)

    @torch.no_grad()
    def _quantize(self, model: nn.Module, path: str, width: int, picture: tuple[int, int, int] | None) -> None:
        layer = model.get_submodule(path)
        bias = layer.bias
        matrix = stored_order(layer.weight.detach(), picture).flatten(1).double().numpy()
        columns = matrix.shape[1]
        width = next(d for d in range(min(width, columns), 0, -1) if columns % d == 0)
        bits = self.stages * len(matrix) * (columns // width) * math.log2(self.values)
        if 32 * self.stages * self.values * columns + bits >= 32 * matrix.size:
            return  # its vectors would take more than the weight
        codebook, indices = quantize_rows(matrix, columns // width, self.values, self.stages, self.seed)
        options = {} if picture is None else {"picture": list(picture)}
        new = edit_layer(model, path, "vectors", segments=columns // width, values=self.values, stages=self.stages,
                         **options)  # fmt: skip
        assert isinstance(new, FormedLayer) and isinstance(new.form, Vectors)
        new.form.codebook.copy_(torch.from_numpy(codebook))
        new.form.indices.copy_(torch.from_numpy(indices))
        if bias is not None:
            new.bias.copy_(bias)


def quantize_rows(matrix: NDArray[np.float64], segments: int, values: int, stages: int,
                  seed: int = 0) -> tuple[NDArray[np.float64], NDArray[np.uint8]]:  # fmt: skip
    """(codebook (T, S, k, d), indices (T, S, O)) of a matrix (O, S d) by k-means of every segment, stage after stage on
    what the ones before left.

    >>> book, index = quantize_rows(np.array([[0.0, 0], [0, 0], [9, 9]]), segments=1, values=2, stages=1)
    >>> book[0, 0, index[0, 0]].tolist()
    [[0.0, 0.0], [0.0, 0.0], [9.0, 9.0]]
    """
    from sklearn.cluster import KMeans

    rows = len(matrix)
    rest = matrix.reshape(rows, segments, -1).transpose(1, 0, 2).copy()
    codebook = np.zeros((stages, segments, values, rest.shape[2]))
    indices = np.zeros((stages, segments, rows), np.uint8)
    for stage in range(stages):
        for segment, part in enumerate(rest):
            count = min(values, len(np.unique(part, axis=0)))
            found = KMeans(count, n_init=1, random_state=seed).fit(part)
            codebook[stage, segment, :count] = found.cluster_centers_
            indices[stage, segment] = found.labels_
            part -= found.cluster_centers_[found.labels_]
    return codebook, indices
