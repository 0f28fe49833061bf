"""What a stage may use: the pictures, the recipe the net was trained by, a folder of its own."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from ..train.checkpoint import CheckpointInfo, load_tensors, save
from ..train.checkpoint import exists as checkpoint_exists
from ..train.data.arrays import Split
from ..train.launch import run
from ..train.losses import make as make_loss
from ..train.options import DistillOptions, ScheduleOptions
from ..train.recipe import Recipe
from .curvature import diagonal
from .layers import float_layers
from .weights import settle

SETTLED = "settled"
CURVATURE_PICTURES, CURVATURE_BATCH = 2000, 200


@dataclass(frozen=True)
class Work:
    """info: of the checkpoint that is compressed. folder: of the stage under way. teacher: the net as it came.
    progress: as of `train.run`."""

    info: CheckpointInfo
    train: Split
    test: Split
    folder: Path
    teacher: nn.Module | None = None
    progress: str = "auto"

    def train_on(self, model: nn.Module, label: str, *, epochs: int, lr: float, teach: float = 0.0) -> None:
        """Train the model as its recipe says, for ``epochs`` and at ``lr`` times its rate, and settle its weights.

        teach: share of the loss that the teacher has (Hinton et al. 2015).

        What was trained before, and stopped, goes on where it stood; what was finished is read back.
        """
        settled = self.folder / label / SETTLED
        if not checkpoint_exists(settled):
            if epochs:
                run(self.recipe(epochs, lr, teach), out=self.folder / label, model=model, data=(self.train, self.test),
                    teacher=self.teacher if teach else None, progress=self.progress, tensorboard=False)  # fmt: skip
            settle(model.to("cpu"))
            save(settled, model, self.info)
        else:
            settle(model)
            model.load_state_dict(load_tensors(settled))
        model.eval()

    def recipe(self, epochs: int, lr: float, teach: float) -> Recipe:
        """The recipe of the net, for that many epochs: a cosine from ``lr`` times its rate, no stages."""
        own = self.info.recipe
        return replace(own, stages=(), distill=DistillOptions(weight=teach or None), schedule=ScheduleOptions(),
                       model=replace(own.model, init=None), optim=replace(own.optim, lr=own.optim.lr * lr),
                       train=replace(own.train, epochs=epochs))  # fmt: skip

    def pictures(self, count: int) -> tuple[Tensor, Tensor]:
        """(float32 (n, C, H, W) of 0..255, labels) of training pictures, always the same ones, drawn over all."""
        chosen = np.sort(np.random.default_rng(self.info.recipe.seed).permutation(len(self.train))[:count])
        images = torch.from_numpy(np.ascontiguousarray(self.train.images[chosen]))
        return images.permute(0, 3, 1, 2).float(), torch.from_numpy(np.asarray(self.train.labels[chosen]))

    def saliency(self, model: nn.Module) -> dict[str, Tensor]:
        """Optimal Brain Damage's h_kk w_k^2 / 2 of every float weight (LeCun et al. 1990)."""
        images, labels = self.pictures(CURVATURE_PICTURES)
        batches = list(zip(images.split(CURVATURE_BATCH), labels.split(CURVATURE_BATCH), strict=True))
        weights = {path: layer.weight for path, layer in float_layers(model).items()}
        model.eval()
        found = diagonal(model, weights, batches, make_loss(self.info.recipe.train), seed=self.info.recipe.seed)
        return {path: h * weights[path].detach() ** 2 / 2 for path, h in found.items()}
