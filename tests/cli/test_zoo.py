"""Every model of the zoo: its file is whole, its card tells that file's hash, and the accuracy is the card's."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable

import pytest
from click.testing import Result
from PIL import Image

from xnorkit import zoo
from xnorkit.errors import DataError
from xnorkit.graph import store
from xnorkit.train.data.datasets import DATASETS, locate

Run = Callable[..., Result]
NAMES = list(zoo.MODELS)


@pytest.mark.parametrize("name", NAMES)
def test_the_card_tells_the_hash_and_size_of_the_file(name: str) -> None:
    model = zoo.MODELS[name]
    card = model.card.read_text(encoding="utf-8")
    data = model.file.read_bytes()
    assert hashlib.sha256(data).hexdigest() in card
    assert f"{len(data):,} bytes" in card
    assert len(data) < 200_000


@pytest.mark.parametrize("name", NAMES)
def test_the_file_tells_where_it_comes_from(name: str) -> None:
    meta = store.load(zoo.path(name)).meta
    assert meta["dataset"] == zoo.MODELS[name].dataset
    assert len(json.loads(meta["classes"])) == 10
    assert "epochs:" in meta["recipe"]


@pytest.mark.parametrize("name", NAMES)
def test_the_accuracy_is_the_cards(xnorkit: Run, name: str) -> None:
    if locate(DATASETS[zoo.MODELS[name].dataset], "test") is None:
        pytest.skip(f"{zoo.MODELS[name].dataset} is not on this machine")
    found = json.loads(xnorkit("eval", name, "--json", "-").stdout)
    said = re.search(r"top-1, packed file \| ([0-9.]+) %", zoo.MODELS[name].card.read_text(encoding="utf-8"))
    assert said is not None
    assert f"{100 * found['top1']:.2f}" == said[1]


def test_samples_are_one_picture_a_class() -> None:
    files = sorted(zoo.SAMPLES.glob("*.png"))
    assert [path.name[0] for path in files] == list("0123456789")
    for path in files:
        with Image.open(path) as image:
            assert (image.mode, image.size) == ("L", (28, 28))


def test_an_unknown_name_names_the_near_one() -> None:
    with pytest.raises(DataError, match="did you mean fashion-mnist-lenet5-xnor"):
        zoo.path("fashion-mnist-lenet5-xor")
