"""Pictures that stay on disk: crops by hand, the array they stand for, batches that no thread or process changes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from xnorkit.errors import DataError, RecipeError
from xnorkit.train import pictures, run
from xnorkit.train.batches import Pictures, Streamed
from xnorkit.train.data.arrays import hold_out
from xnorkit.train.data.crops import COLOURS, NUMBERS, Crop
from xnorkit.train.data.stream import stream
from xnorkit.train.options import DataOptions

CROP = Crop((8, 8), (0.25, 1.0), (10, 12), lighting=0.1)
KEY = (0, 1, 2)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("pictures") / "net"
    rng = np.random.default_rng(0)
    for part, count in (("train", 12), ("val", 4)):
        for i in range(count):
            place = root / part / "ab"[i % 2]
            place.mkdir(parents=True, exist_ok=True)
            Image.fromarray(rng.integers(0, 256, (12 + i % 3, 16, 3), dtype=np.uint8)).save(place / f"{i}.png")
    return root


def test_middle_is_the_centre_of_the_resized_picture() -> None:
    assert Crop((8, 8), short=(8, 8)).middle(16, 8) == (4, 0, 12, 8)
    assert Crop((4, 4), short=(8, 8)).middle(32, 16) == (12, 4, 20, 12)
    pixels = np.arange(8 * 8 * 3, dtype=np.uint8).reshape(8, 8, 3)
    crop = Crop((4, 4), short=(8, 8))
    assert np.array_equal(crop.cut(Image.fromarray(pixels), crop.middle(8, 8)), pixels[2:6, 2:6])


def test_a_window_lies_anywhere_at_a_drawn_size() -> None:
    crop, numbers = Crop((8, 8), short=(8, 16)), np.zeros(NUMBERS)
    assert crop.drawn(16, 8, numbers) == (0, 0, 8, 8)
    numbers[[0, -2, -1]] = 0.999, 0.999, 0.0
    _, top, right, bottom = crop.drawn(16, 8, numbers)
    assert right == 16 and top == 0 and bottom == pytest.approx(4)


def test_areas_and_aspects_of_drawn_rectangles() -> None:
    boxes = [Crop((8, 8), (0.1, 0.9)).drawn(100, 100, row) for row in np.random.default_rng(0).random((500, NUMBERS))]
    wide, high = np.array([(r - left, b - t) for left, t, r, b in boxes]).T
    shares = wide * high / 10_000
    assert all(0 <= left < r <= 100 and 0 <= t < b <= 100 for left, t, r, b in boxes)
    assert shares.min() > 0.09 and shares.max() < 0.91 and 0.35 < shares.mean() < 0.55
    assert (wide / high).min() > 0.7 and (wide / high).max() < 1.37


def test_a_thin_picture_gives_its_middle() -> None:
    left, top, right, bottom = Crop((8, 8), (0.9, 1.0)).drawn(100, 10, np.full(NUMBERS, 0.5))
    assert (top, bottom) == (0, 10) and right - left == pytest.approx(40 / 3) and left + right == pytest.approx(100)


def test_lighting_moves_colours_along_their_components() -> None:
    grey = np.full((2, 2, 3), 100, np.uint8)
    lit = Crop((2, 2), lighting=1.0).lit(grey, np.array([1.0, 0.0, 0.0]))
    assert lit[0, 0].tolist() == [round(100 - 255 * 0.2175 * v) for v in (0.5675, 0.5808, 0.5836)]
    assert Crop((2, 2)).lit(grey, np.ones(COLOURS)) is grey


def test_files_stand_for_the_array_of_their_test_crops(folder: Path) -> None:
    found = stream(str(folder), "test", CROP)
    whole = np.asarray(found.images)
    assert whole.shape == found.images.shape == (4, 8, 8, 3) and whole.dtype == np.uint8
    assert found.classes == ("a", "b") and found.labels.tolist() == [0, 0, 1, 1]
    assert np.array_equal(np.asarray(found.images[1:3]), whole[1:3])
    with Image.open(folder / "val" / "a" / "0.png") as picture:
        assert np.array_equal(whole[0], CROP.cut(picture, CROP.middle(*picture.size)))
    kept, held = hold_out(stream(str(folder), "train", CROP), 4, 0)
    assert len(kept) == len(kept.images) == 8 and np.asarray(held.images).shape == (4, 8, 8, 3)


def test_a_batch_is_a_function_of_its_key_and_positions(folder: Path) -> None:
    data = Pictures.of(stream(str(folder), "train", CROP))
    assert isinstance(data, Streamed)
    chosen, everything = np.array([3, 1, 5, 7]), slice(0, None, 1)
    whole = data.drawn(chosen, everything, KEY)
    assert whole.shape == (4, 3, 8, 8) and whole.dtype == torch.uint8
    assert torch.equal(data.drawn(chosen, slice(1, None, 2), KEY), whole[1::2])
    data.expect(chosen, everything, KEY)
    assert torch.equal(data.drawn(chosen, everything, KEY), whole)
    data.expect(chosen, everything, KEY)
    assert not torch.equal(data.drawn(chosen, everything, (0, 1, 3)), whole)


def test_a_run_on_files_repeats_bit_for_bit(folder: Path, tmp_path: Path) -> None:
    recipe = {"data": {"name": str(folder), "crop": "area", "size": [32, 32], "short": [32, 32], "flip": True},
              "model": {"name": "vgg_small", "options": {"stages": [[8], [8]]}},
              "train": {"epochs": 2, "batch": 4}}  # fmt: skip
    options = {"device": "cpu", "progress": "none", "tensorboard": False}
    once = run(recipe, out=tmp_path / "once", **options)
    state = {name: value.clone() for name, value in once.model.state_dict().items()}
    again = run(recipe, out=tmp_path / "again", **options)
    assert all(torch.equal(value, state[name]) for name, value in again.model.state_dict().items())
    assert once.test.count == 4


def test_folders_are_looked_for_and_missing_ones_named(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XNORKIT_DATA", str(folder.parent))
    assert len(stream("net", "train", CROP)) == len(stream("net", "train", CROP, str(folder.parent))) == 12
    with pytest.raises(DataError, match=f"{folder.parent / 'nothing'}"):
        stream("nothing", "train", CROP)
    (tmp_path / "train").mkdir()
    with pytest.raises(DataError, match="no such split"):
        stream(str(tmp_path), "test", CROP)
    (tmp_path / "train" / "x.png").write_bytes(b"no picture")
    with pytest.raises(DataError, match="outside a class folder"):
        stream(str(tmp_path), "train", CROP)


def test_a_damaged_picture_is_named(tmp_path: Path) -> None:
    place = tmp_path / "train" / "a"
    place.mkdir(parents=True)
    (place / "bad.png").write_bytes(b"no picture")
    with pytest.raises(DataError, match=r"bad\.png"):
        np.asarray(stream(str(tmp_path), "train", CROP).images)


@pytest.mark.parametrize(
    ("options", "error"),
    [
        (DataOptions(name="digits", crop="area", size=(8, 8)), RecipeError),
        (DataOptions(name="digits", size=(8, 8)), RecipeError),
        (DataOptions(name="somewhere", crop="short"), RecipeError),
        (DataOptions(name="somewhere", crop="short", size=(64, 64), short=(32, 32)), DataError),
    ],
)
def test_nonsense_is_refused(options: DataOptions, error: type[Exception]) -> None:
    with pytest.raises(error):
        pictures.both(options)


def test_a_range_is_two_rising_numbers() -> None:
    with pytest.raises(RecipeError, match="no range"):
        DataOptions(area=(0.5,))
    with pytest.raises(RecipeError, match="no range"):
        DataOptions(short=(20, 10))
