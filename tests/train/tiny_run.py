"""A small run in a process of its own: ``python tiny_run.py OUT``, or under torchrun; prints checksums of each rank."""

from __future__ import annotations

import hashlib
import os
import sys
import time

import numpy as np
import torch
from torch import nn

from xnorkit.nn import BinaryConv2d
from xnorkit.train import Result, run
from xnorkit.train.data import Split

CLASSES = ("one", "two", "three")


def split(count: int, seed: int, name: str) -> Split:
    """Pictures uint8 (count, 8, 8, 1) whose class is the third that is bright."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 3, count)
    images = rng.integers(0, 120, (count, 8, 8, 1)).astype(np.uint8)
    for index, label in enumerate(labels):
        images[index, label * 3 : label * 3 + 2] += 60
    return Split(images, labels.astype(np.int64), CLASSES, "stripes", name)


class Tiny(nn.Module):
    """A float stem, one binary convolution, batch norms and dropout: everything whose state a resume must carry."""

    def __init__(self, pause: float = 0.0) -> None:
        super().__init__()
        self.pause = pause
        self.body = nn.Sequential(
            nn.Conv2d(1, 8, 3, stride=2), nn.BatchNorm2d(8), BinaryConv2d(8, 8, 3), nn.BatchNorm2d(8),
            nn.Flatten(), nn.Dropout(0.2), nn.Linear(8, 3),
        )  # fmt: skip

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if self.training and self.pause:
            time.sleep(self.pause)
        return self.body(x / 255)


RECIPE = {
    "name": "tiny", "seed": 7, "data": {"shift": 1, "flip": True, "holdout": 30},
    "optim": {"lr": 0.01, "clip_norm": 5.0}, "schedule": {"warmup": 0.5},
    "train": {"epochs": 3, "batch": 20, "checkpoint_steps": 4},
}  # fmt: skip


def train(out: str, overrides: tuple[str, ...] = (), pause: float = 0.0, **options: object) -> Result:
    """Run the recipe on the stripes: 270 pictures, 13 steps an epoch, 39 steps in all."""
    torch.manual_seed(3)
    data = (split(300, 0, "train"), split(90, 1, "test"))
    return run(RECIPE, out=out, overrides=overrides, model=Tiny(pause), data=data, device="cpu", tensorboard=False,
               **{"progress": "plain", **options})  # type: ignore[arg-type]  # fmt: skip


def checksum(model: nn.Module) -> str:
    """Hash of every parameter and buffer."""
    digest = hashlib.sha256()
    for name, value in sorted(model.state_dict().items()):
        digest.update(name.encode() + value.cpu().numpy().tobytes())
    return digest.hexdigest()


if __name__ == "__main__":
    torch.set_num_threads(1)
    result = train(sys.argv[1], tuple(sys.argv[2:]), float(os.environ.get("PAUSE", "0")))
    sys.stdout.write(f"rank {os.environ.get('RANK', '0')} {checksum(result.model)}\n")
