"""Deep Compression's pipeline on AlexNet and VGG-16 of random weights: bytes, seconds and memory by stage.

    python tools/compress_large.py vgg16 --out runs/vgg16

Shares of weights kept and bits are those of Han et al. 2016, tables 4 and 5. Random weights have no structure: sizes
are those of the method, accuracy means nothing and nothing is trained.
"""

from __future__ import annotations

import argparse
import json
import resource
import time
from pathlib import Path

import numpy as np
import torch

from xnorkit.compress import compress
from xnorkit.compress.layers import float_layers
from xnorkit.compress.stages.code import Huffman
from xnorkit.compress.stages.prune import Prune
from xnorkit.compress.stages.share import Share
from xnorkit.models import create_model
from xnorkit.models.table import config_of
from xnorkit.train.checkpoint import CheckpointInfo, save
from xnorkit.train.data.arrays import Split
from xnorkit.train.recipe import parse

KEPT = {
    "alexnet_caffe": (84, 38, 35, 37, 37, 9, 9, 25),
    "vgg16": (58, 22, 34, 36, 53, 24, 42, 32, 27, 34, 35, 29, 36, 4, 4, 23),
}
"""Percent of each layer's weights that the paper keeps, in order."""
CLASSES = 1000


def pictures(side: int, split: str) -> Split:
    """A few pictures of noise."""
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (4, side, side, 3)).astype(np.uint8)
    return Split(images, rng.integers(0, CLASSES, 4), tuple(map(str, range(CLASSES))), "noise", split)


def checkpoint(name: str, folder: Path) -> int:
    """Write an untrained net as a checkpoint; returns the side of its pictures."""
    torch.manual_seed(0)
    model = create_model(name, "fp32", num_classes=CLASSES, in_chans=3)
    config = config_of(model)
    side = int(config["input_size"])
    recipe = parse({"name": name, "data": {"name": "cifar10"}, "model": {"name": name, "method": "fp32"}})
    info = CheckpointInfo(recipe, config, tuple(map(str, range(CLASSES))), (side, side, 3), "noise")
    save(folder, model, info)
    return side


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("net", choices=KEPT)
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args()
    start = given.out / "untrained"
    side = checkpoint(given.net, start)
    with torch.device("meta"):
        layers = list(float_layers(create_model(given.net, "fp32", num_classes=CLASSES, in_chans=3)))
    own = {path: 1 - percent / 100 for path, percent in zip(layers, KEPT[given.net], strict=True)}
    stages = [Prune(layers=own, epochs=0), Share(bits=5, conv=8, epochs=0), Huffman()]
    begun = time.monotonic()
    report = compress(start, stages, given.out, data=(pictures(side, "train"), pictures(side, "test")),
                      pictures_verified=2, rounds=3)  # fmt: skip
    seconds = time.monotonic() - begun
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    for row in report.rows:
        print(f"{row['stage'][:12]:12} {row['bytes']:>12,} bytes  {report.float_bytes / row['bytes']:5.1f}x")
    print(f"{given.net}: {seconds:.0f} s, peak {peak:.2f} GiB, {report.verified.mismatches} predictions differ")
    found = {"net": given.net, "seconds": seconds, "peak_gib": peak, "float_bytes": report.float_bytes,
             "bytes": {row["stage"].partition(":")[0]: row["bytes"] for row in report.rows}}  # fmt: skip
    (given.out / "large.json").write_text(json.dumps(found, indent=2))


if __name__ == "__main__":
    main()
