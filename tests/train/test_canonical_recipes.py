"""The recipes of papers: the numbers they print, and some steps of each on real pictures."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from xnorkit.models import create_model
from xnorkit.train import run
from xnorkit.train.data.datasets import DATASETS, places
from xnorkit.train.data.datasets import load as load_data
from xnorkit.train.recipe import load, shipped
from xnorkit.train.schedule import factor

CANONICAL = [name for name in shipped() if "published" in load(name).description]
SMALL = {"binarynet": 0.0625, "nin": 0.125, "cnv": 0.25, "alexnet": 0.1, "resnet18": 0.25}
"""Share of each net's width that is trained here."""
BESIDE = Path(__file__).parents[2].parent / "shared" / "data"
"""Where pictures may lie beside a checkout."""

# name: optimizer, rate of the first and of the last epoch, epochs, batch, loss
PRINTED = {
    "cifar10-binarynet-bnn": ("shift_adamax", 2.0**-6, 2.0**-15, 500, 200, "squared_hinge"),
    "cifar10-binarynet-bnn-theano": ("adam", 1e-3, 3e-7, 500, 50, "squared_hinge"),
    "cifar10-binarynet-binaryconnect": ("adam", 3e-3, 2e-6, 500, 50, "squared_hinge"),
    "cifar10-nin-xnor": ("adam", 1e-2, 1e-6, 320, 128, "cross_entropy"),
    "cifar10-cnv-bnn": ("adam", 2e-2, 2e-2 / 2**24, 1000, 100, "squared_hinge"),
    "imagenet-alexnet-xnor": ("adam", 1e-3, 1e-5, 55, 800, "cross_entropy"),
    "imagenet-alexnet-bwn": ("sgd", 1e-2, 1e-4, 55, 128, "cross_entropy"),
    "imagenet-resnet18-xnor": ("sgd", 1e-1, 1e-5, 58, 256, "cross_entropy"),
    "imagenet-resnet18-bireal": ("adam", 1e-3, 0.0, 256, 512, "cross_entropy"),
    "imagenet-resnet18-reactnet": ("adam", 2.5e-3, 0.0, 128, 512, "cross_entropy"),
}


@pytest.mark.parametrize("name", CANONICAL)
def test_a_recipe_says_what_its_source_says(name: str) -> None:
    recipe, (rule, begin, end, epochs, batch, loss) = load(name), PRINTED[name]
    optim, train = recipe.optim, recipe.train
    assert (optim.name, train.epochs, train.batch, train.loss) == (rule, epochs, batch, loss)
    rates = [optim.lr * factor(recipe.schedule, step, 10, epochs) for step in (0, 10 * epochs - 1)]
    assert rates[0] == begin
    assert rates[1] == pytest.approx(end, rel=0.03, abs=begin / (9 * epochs))
    assert "published" in recipe.description and "not run in full here" in recipe.description


@pytest.mark.parametrize("name", CANONICAL)
def test_the_whole_net_of_a_recipe_can_be_built(name: str) -> None:
    model, imagenet = load(name).model, name.startswith("imagenet")
    with torch.device("meta"):
        net = create_model(model.name, model.method, num_classes=1000 if imagenet else 10, in_chans=3,
                           input_size=224 if imagenet else 32, **model.options)  # fmt: skip
    assert sum(p.numel() for p in net.parameters()) > 900_000


def cifar10(split: str, count: int) -> Iterator[tuple[str, Image.Image]]:
    """(class, picture) from the zips of CIFAR-10."""
    for folder in (*places(DATASETS["cifar10"]), BESIDE):
        path = folder / f"cifar10-{split}.zip"
        if path.is_file():
            with zipfile.ZipFile(path) as opened:
                names = [name for name in opened.namelist() if name.endswith(".jpg")]
                for name in names[:: len(names) // count][:count]:
                    yield name.split("/")[1], Image.open(BytesIO(opened.read(name))).convert("RGB")
            return
    pytest.skip("cifar10-train.zip is nowhere that `xnorkit list datasets` looks")


def digits(split: str, count: int) -> Iterator[tuple[str, Image.Image]]:
    """(class, picture) from scikit-learn's digits, which are everywhere."""
    found = load_data("digits", split)
    for image, label in zip(found.images[:count], found.labels[:count], strict=True):
        yield found.classes[label], Image.fromarray(image[:, :, 0]).convert("RGB").resize((32, 32))


@pytest.fixture(scope="module", params=[cifar10, digits], ids=lambda source: source.__name__)
def folders(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Real pictures in class folders: 32x32 under train/ and test/, 96x80 and larger under train/ and val/."""
    root = tmp_path_factory.mktemp(request.param.__name__)
    for split, count in (("train", 128), ("test", 40)):
        for i, (label, picture) in enumerate(request.param(split, count)):
            for kind, part, size in (("cifar10", split, (32, 32)),
                                     ("imagenet", "val" if split == "test" else split, (96 + i % 7, 80))):  # fmt: skip
                place = root / kind / part / label
                place.mkdir(parents=True, exist_ok=True)
                picture.resize(size).save(place / f"{i}.png")
    return {kind: root / kind for kind in ("cifar10", "imagenet")}


@pytest.mark.parametrize("name", CANONICAL)
def test_the_loss_falls_on_real_pictures(name: str, folders: dict[str, Path], tmp_path: Path) -> None:
    recipe = load(name)
    quick = [f"data.name={folders[name.split('-')[0]]}", "data.holdout=0", "train.epochs=12", "train.batch=32",
             "schedule.name=constant", f"model.options.width={SMALL[recipe.model.name]}"]  # fmt: skip
    quick += ["data.size=[64,64]", "data.short=[72,80]"] if recipe.data.crop != "none" else []
    done = run(name, out=tmp_path, overrides=quick, device="cpu", progress="none", tensorboard=False)
    losses = [row["train_loss"] for row in done.history]
    assert np.isfinite(losses).all() and np.mean(losses[-3:]) < 0.99 * losses[0]
    assert done.test.count == 40
