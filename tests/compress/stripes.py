"""Pictures and a small trained net for the tests of compression: seconds, no files from elsewhere."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from xnorkit.train import run
from xnorkit.train.data import Split

CLASSES = ("one", "two", "three")


def split(count: int, seed: int, name: str) -> Split:
    """Pictures uint8 (count, 16, 16, 1) whose class is the band that is bright."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 3, count)
    images = rng.integers(0, 120, (count, 16, 16, 1)).astype(np.uint8)
    for index, label in enumerate(labels):
        images[index, 5 * label : 5 * label + 5] += 60
    return Split(images, labels.astype(np.int64), CLASSES, "stripes", name)


DATA = (split(400, 0, "train"), split(150, 1, "test"))
RECIPE = {"name": "stripes", "data": {"name": "digits"}, "optim": {"lr": 0.002}, "train": {"epochs": 3, "batch": 40}}


def trained(folder: Path, method: str = "fp32", name: str = "lenet5") -> Path:
    """The checkpoint of a short run."""
    recipe = {**RECIPE, "model": {"name": name, "method": method}}
    run(recipe, out=folder, data=DATA, progress="none", tensorboard=False, device="cpu")
    return folder / "best"
