"""Readers of picture files: what they give, and what they say about damaged ones. None of them needs torch."""

from __future__ import annotations

import gzip
import io
import pickle
import struct
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from xnorkit.errors import DataError
from xnorkit.train.data import cifar, datasets, digits, folders, idx
from xnorkit.train.data.arrays import Split, hold_out, stratified


def idx_bytes(array: np.ndarray) -> bytes:
    return bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes()


def png(array: np.ndarray, kind: str = "PNG") -> bytes:
    stream = io.BytesIO()
    Image.fromarray(array).save(stream, kind)
    return stream.getvalue()


CUBE = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_idx_reads_what_was_written(tmp_path: Path, pack: object) -> None:
    (tmp_path / "x").write_bytes(pack(idx_bytes(CUBE)))  # type: ignore[operator]
    assert np.array_equal(idx.read(tmp_path / "x"), CUBE)


GOOD = idx_bytes(CUBE)
GZIPPED = gzip.compress(GOOD, mtime=0)
"""Without the time: parallel workers must collect the same test names."""


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "not an IDX file"),
        (b"PK\x03\x04", "not an IDX file"),
        (bytes([0, 0, 0x0D, 3]) + GOOD[4:], "unsupported IDX file"),
        (bytes([0, 0, 8, 0]) + GOOD[4:], "unsupported IDX file"),
        (GOOD[:9], "truncated header"),
        (GOOD[:-1], "truncated"),
        (GOOD + b"\0", "left over"),
        (bytes([0, 0, 8, 3]) + b"\xff" * 12, "too large"),
        (GZIPPED[:-9], "cannot be read"),
        (GZIPPED[:12] + b"\xff\xff" + GZIPPED[14:], "cannot be read"),
    ],
)
def test_damaged_idx_is_named(tmp_path: Path, data: bytes, why: str) -> None:
    path = tmp_path / "damaged-idx"
    path.write_bytes(data)
    with pytest.raises(DataError, match=why) as caught:
        idx.read(path)
    assert str(path) in str(caught.value)


def test_missing_idx_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="nowhere"):
        idx.read(tmp_path / "nowhere")


def test_cifar10_rows_become_nhwc(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    pictures, labels = rng.integers(0, 256, (5, 32, 32, 3), np.uint8), np.array([3, 9, 0, 1, 1], np.uint8)
    rows = np.concatenate([labels[:, None], pictures.transpose(0, 3, 1, 2).reshape(5, -1)], axis=1)
    (tmp_path / "a.bin").write_bytes(rows[:2].tobytes())
    (tmp_path / "b.bin").write_bytes(rows[2:].tobytes())
    images, found = cifar.read([tmp_path / "a.bin", tmp_path / "b.bin"], 10)
    assert np.array_equal(images, pictures) and found.tolist() == labels.tolist() and found.dtype == np.int64


def test_cifar100_takes_the_fine_label(tmp_path: Path) -> None:
    (tmp_path / "train.bin").write_bytes(bytes([7, 42]) + bytes(3072))
    assert cifar.read([tmp_path / "train.bin"], 100)[1].tolist() == [42]


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (bytes(3072), "multiple of 3073"),
        (b"", "multiple of 3073"),
        (bytes([10]) + bytes(3072), "label out of range"),
        (pickle.dumps({"data": bytes(5000)}), "pickle"),
    ],
)
def test_damaged_cifar_is_named(tmp_path: Path, data: bytes, why: str) -> None:
    (tmp_path / "bad.bin").write_bytes(data)
    with pytest.raises(DataError, match=why) as caught:
        cifar.read([tmp_path / "bad.bin"], 10)
    assert "bad.bin" in str(caught.value)


FILES = {
    "train/cat/1.png": png(np.full((4, 6, 3), 10, np.uint8)),
    "train/cat/0.png": png(np.full((4, 6, 3), 20, np.uint8)),
    "train/dog/0.PNG": png(np.full((4, 6, 3), 30, np.uint8)),
    "test/dog/0.png": png(np.full((4, 6, 3), 40, np.uint8)),
    "train/.DS_Store": b"junk",
    "__MACOSX/train/cat/._0.png": b"junk",
    "README.txt": b"hello",
}


def spread(root: Path, files: dict[str, bytes], zipped: bool) -> Path:
    if zipped:
        with zipfile.ZipFile(root / "all.zip", "w") as archive:
            for name, data in files.items():
                archive.writestr(name, data)
        return root / "all.zip"
    for name, data in files.items():
        (root / "all" / name).parent.mkdir(parents=True, exist_ok=True)
        (root / "all" / name).write_bytes(data)
    return root / "all"


@pytest.mark.parametrize("zipped", [False, True])
def test_class_folders_on_disk_and_zipped(tmp_path: Path, zipped: bool) -> None:
    root = spread(tmp_path, FILES, zipped)
    images, labels, classes = folders.read(root, "train")
    assert images.shape == (3, 4, 6, 3) and images[:, 0, 0, 0].tolist() == [20, 10, 30]
    assert labels.tolist() == [0, 0, 1] and classes == ("cat", "dog")
    with pytest.raises(DataError, match="no such split: got val, expected one of test, train"):
        folders.read(root, "val")
    with pytest.raises(DataError, match="say which"):
        folders.read(root, None)


def test_flat_class_folders_are_read_whole_and_never_as_a_split(tmp_path: Path) -> None:
    black = png(np.zeros((2, 2), np.uint8))
    root = spread(tmp_path, {"a/0.png": black, "b/0.png": black}, False)
    split = datasets.load(root, None)
    assert split.images.shape == (2, 2, 2, 1) and split.split == "all" and split.classes == ("a", "b")
    with pytest.raises(DataError, match="no such split"):
        datasets.load(root, "test")


def test_sizes_that_differ_need_a_resize(tmp_path: Path) -> None:
    root = spread(tmp_path, {**FILES, "train/dog/9.png": png(np.full((5, 6, 3), 90, np.uint8))}, True)
    with pytest.raises(DataError, match=r"train/dog/9.png.*another size"):
        folders.read(root, "train")
    assert folders.read(root, "train", size=(2, 2), channels=1)[0].shape == (4, 2, 2, 1)


@pytest.mark.parametrize("zipped", [False, True])
def test_a_damaged_picture_is_named(tmp_path: Path, zipped: bool) -> None:
    broken = png(np.random.default_rng(0).integers(0, 256, (4, 6, 3), np.uint8))[:-30]
    root = spread(tmp_path, {**FILES, "train/cat/7.png": broken}, zipped)
    with pytest.raises(DataError, match=r"train/cat/7.png.*cannot be decoded"):
        folders.read(root, "train")


def test_a_damaged_zip_and_an_empty_folder_are_named(tmp_path: Path) -> None:
    root = spread(tmp_path, FILES, True)
    (tmp_path / "half.zip").write_bytes(root.read_bytes()[:-40])
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match=r"half\.zip.*cannot be read"):
        folders.read(tmp_path / "half.zip", "train")
    flipped = bytearray(root.read_bytes())
    at = flipped.index(b"IDAT")
    flipped[at + 6] ^= 0xFF
    (tmp_path / "flipped.zip").write_bytes(flipped)
    with pytest.raises(DataError, match=r"flipped\.zip"):
        folders.read(tmp_path / "flipped.zip", "train")
    with pytest.raises(DataError, match="no pictures"):
        folders.read(tmp_path / "empty", "train")


def test_deep_pixels_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="8-bit"):
        folders.decode(png(np.full((2, 2), 4000, np.uint16)), "deep.png")


def test_digits_are_mnist_shaped_stratified_and_disjoint() -> None:
    train, test = datasets.load("digits", "train"), datasets.load("digits", "test")
    assert train.images.shape == (1442, 28, 28, 1) and test.images.shape == (355, 28, 28, 1)
    assert train.images.max() == 255 and train.images[:, :2].max() == 0
    assert np.bincount(test.labels).min() >= 34
    seen = {picture.tobytes() for picture in train.images}
    assert not any(picture.tobytes() in seen for picture in test.images)
    assert digits.enlarge(np.full((1, 8, 8), 8.0))[0, 14, 14, 0] == 128


def fake_fashion(folder: Path, count: int) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    images = np.zeros((count, 28, 28), np.uint8)
    labels = (np.arange(count) % 10).astype(np.uint8)
    (folder / "t10k-images-idx3-ubyte.gz").write_bytes(gzip.compress(idx_bytes(images), 1, mtime=0))
    (folder / "t10k-labels-idx1-ubyte").write_bytes(idx_bytes(labels))


def test_named_sets_are_found_in_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setitem(datasets.DATASETS, "fashion-mnist", datasets.DATASETS["mnist"].__class__(
        **{**vars(datasets.DATASETS["fashion-mnist"]), "system": ()}))  # fmt: skip
    monkeypatch.delenv("XNORKIT_DATA", raising=False)
    with pytest.raises(DataError) as caught:
        datasets.load("fashion-mnist", "test")
    assert "apt-get install dataset-fashion-mnist" in str(caught.value)
    assert str(tmp_path / "cache" / "xnorkit" / "fashion-mnist") in str(caught.value)
    fake_fashion(tmp_path / "cache" / "xnorkit" / "fashion-mnist", 10000)
    assert len(datasets.load("fashion-mnist", "test")) == 10000
    fake_fashion(tmp_path / "env" / "fashion-mnist", 9999)
    monkeypatch.setenv("XNORKIT_DATA", str(tmp_path / "env"))
    with pytest.raises(DataError, match="is not the test split"):  # found first, and not quietly passed over
        datasets.load("fashion-mnist", "test")
    source = datasets.load("fashion-mnist", "test", tmp_path / "cache" / "xnorkit" / "fashion-mnist").source
    assert source == str(tmp_path / "cache" / "xnorkit" / "fashion-mnist")


def test_unknown_names_and_splits() -> None:
    with pytest.raises(DataError, match="did you mean fashion-mnist"):
        datasets.load("fashion-mnits")
    with pytest.raises(DataError, match="no such split: got val"):
        datasets.load("digits", "val")


def test_cifar_zip_of_the_wrong_classes(tmp_path: Path) -> None:
    spread(tmp_path, FILES, True).rename(tmp_path / "cifar10-train.zip")
    with pytest.raises(DataError, match="class folders: got cat, dog"):
        datasets.load("cifar10", "train", tmp_path)


def test_hold_out_is_stratified_seeded_and_a_partition() -> None:
    labels = np.repeat(np.arange(4), [40, 40, 40, 80]).astype(np.int64)
    drawn = stratified(labels, 50, seed=1)
    assert np.bincount(labels[drawn]).tolist() == [10, 10, 10, 20]
    assert np.array_equal(drawn, stratified(labels, 50, seed=1))
    assert not np.array_equal(drawn, stratified(labels, 50, seed=2))
    images = np.arange(200, dtype=np.uint8).reshape(200, 1, 1, 1)
    kept, held = hold_out(Split(images, labels, ("a", "b", "c", "d"), "x", "train"), 50, seed=1)
    assert sorted([*kept.images.ravel(), *held.images.ravel()]) == list(range(200)) and len(held) == 50


@pytest.mark.parametrize(
    ("images", "labels"),
    [
        (np.zeros((2, 3, 3, 1), np.float32), np.zeros(2, np.int64)),
        (np.zeros((2, 3, 3, 2), np.uint8), np.zeros(2, np.int64)),
        (np.zeros((2, 3, 3, 1), np.uint8), np.zeros(3, np.int64)),
        (np.zeros((2, 3, 3, 1), np.uint8), np.array([0, 2])),
        (np.zeros((2, 3, 3, 1), np.uint8), np.array([0, -1])),
    ],
)
def test_a_split_checks_itself(images: np.ndarray, labels: np.ndarray) -> None:
    with pytest.raises(DataError):
        Split(images, labels, ("a", "b"), "bad", "train")


def test_readers_and_metrics_come_without_torch() -> None:
    code = ("import sys; from xnorkit.train.data import load; from xnorkit.train.metrics import summarize; "
            "load('digits', 'test'); sys.exit('torch' in sys.modules)")  # fmt: skip
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
