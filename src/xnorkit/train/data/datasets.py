"""The table of datasets, and `load`, the one way to pictures by name or path. No torch.

A named dataset is looked for, in this order, in: the ``root`` given; ``$XNORKIT_DATA/NAME`` and ``$XNORKIT_DATA``;
``$XDG_CACHE_HOME/xnorkit/NAME`` (``~/.cache`` when unset); the system folders of its row. The first folder that holds
a complete set of its files is read; a file that is there but damaged is an error, never a reason to look further.
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from xnorkit.errors import DataError
from xnorkit.train.data.arrays import Split
from xnorkit.train.data.cifar import read as read_cifar
from xnorkit.train.data.digits import CLASSES as DIGITS
from xnorkit.train.data.digits import read as read_digits
from xnorkit.train.data.folders import read as read_folders
from xnorkit.train.data.idx import read as read_idx

Arrays = tuple[NDArray[np.uint8], NDArray[np.int64]]
FASHION = ("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot")
CIFAR10 = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")


@dataclass(frozen=True)
class Form:
    """One shape a dataset may lie on disk in: the files of each split (relative), and what reads them."""

    files: dict[str, tuple[str, ...]]
    read: Callable[[list[Path], str], Arrays]

    def at(self, folder: Path, split: str) -> list[Path] | None:
        """The split's files below ``folder``; each may also carry ``.gz``; None unless all are there."""
        found = [_existing(folder / name) for name in self.files[split]]
        return [path for path in found if path] if all(found) else None


@dataclass(frozen=True)
class Dataset:
    """A row: what it is, how many pictures of which shape, where it is looked for, how to get it."""

    name: str
    about: str
    classes: tuple[str, ...]
    shape: tuple[int, int, int]
    sizes: dict[str, int]
    forms: tuple[Form, ...]
    system: tuple[str, ...]
    how: str


def _existing(path: Path) -> Path | None:
    return next((p for p in (path, path.with_name(path.name + ".gz")) if p.is_file()), None)


def _read_idx(paths: list[Path], split: str) -> Arrays:
    images, labels = (read_idx(path) for path in paths)
    if images.ndim != 3 or labels.ndim != 1:
        raise DataError(str(paths[0]), "wrong number of axes", got=f"{images.ndim} and {labels.ndim}",
                        expected="3 (pictures) and 1 (labels)")  # fmt: skip
    return images[..., None], labels.astype(np.int64)


def _read_zip(paths: list[Path], split: str) -> Arrays:
    images, labels, names = read_folders(paths[0], split, channels=3)
    if names != CIFAR10:
        raise DataError(str(paths[0]), "class folders", got=", ".join(names), expected=", ".join(CIFAR10))
    return images, labels


def _mnist_files(prefix: str) -> dict[str, tuple[str, ...]]:
    return {split: (f"{prefix}{part}-images-idx3-ubyte", f"{prefix}{part}-labels-idx1-ubyte")
            for split, part in (("train", "train"), ("test", "t10k"))}  # fmt: skip


def _cifar_binaries(folder: str) -> dict[str, tuple[str, ...]]:
    return {"train": tuple(f"{folder}data_batch_{i}.bin" for i in range(1, 6)), "test": (f"{folder}test_batch.bin",)}


DATASETS: dict[str, Dataset] = {
    row.name: row
    for row in (
        Dataset(
            "digits", "handwritten digits inside scikit-learn, 8x8 enlarged to 28x28", DIGITS, (28, 28, 1),
            {"train": 1442, "test": 355}, (Form({"train": (), "test": ()}, lambda _, split: read_digits(split)),),
            (), "pip install scikit-learn",
        ),
        Dataset(
            "fashion-mnist", "clothing, grey 28x28 (Xiao, Rasul, Vollgraf, 2017)", FASHION, (28, 28, 1),
            {"train": 60000, "test": 10000}, (Form(_mnist_files(""), _read_idx),),
            ("/usr/share/datasets/fashion-mnist",),
            "apt-get install dataset-fashion-mnist   (or the four files of github.com/zalandoresearch/fashion-mnist)",
        ),
        Dataset(
            "mnist", "handwritten digits, grey 28x28 (LeCun, Cortes, Burges, 1998)", DIGITS, (28, 28, 1),
            {"train": 60000, "test": 10000}, (Form(_mnist_files(""), _read_idx),), ("/usr/share/datasets/mnist",),
            "the four files train-images-idx3-ubyte.gz, ... of the MNIST database",
        ),
        Dataset(
            "cifar10", "objects and animals, colour 32x32 (Krizhevsky, 2009)", CIFAR10, (32, 32, 3),
            {"train": 50000, "test": 10000},
            (Form(_cifar_binaries(""), lambda paths, _: read_cifar(paths, 10)),
             Form(_cifar_binaries("cifar-10-batches-bin/"), lambda paths, _: read_cifar(paths, 10)),
             Form({"train": ("cifar10-train.zip",), "test": ("cifar10-test.zip",)}, _read_zip)),
            (), "cifar-10-binary.tar.gz from www.cs.toronto.edu/~kriz/cifar.html, unpacked; or cifar10-train.zip and "
            "cifar10-test.zip of train/CLASS/*.jpg and test/CLASS/*.jpg",
        ),
    )
}  # fmt: skip
"""Name -> row. To add a dataset add a row; a format of its own is one more reader beside `idx.py`."""


def places(dataset: Dataset, root: str | Path | None = None) -> Iterator[Path]:
    """Folders a named dataset is looked for in, in order; only ``root`` when one is given."""
    if root is not None:
        yield Path(root).expanduser()
        return
    if given := os.environ.get("XNORKIT_DATA"):
        yield Path(given) / dataset.name
        yield Path(given)
    cache = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    yield Path(cache).expanduser() / "xnorkit" / dataset.name
    yield from map(Path, dataset.system)


def locate(dataset: Dataset, split: str, root: str | Path | None = None) -> tuple[Form, list[Path]] | None:
    """The form and files a split would be read from, or None when it is nowhere."""
    for folder in places(dataset, root):
        for form in dataset.forms:
            if (paths := form.at(folder, split)) is not None:
                return form, paths
    return None


def load(name: str | Path, split: str | None = "train", root: str | Path | None = None, *,
         size: tuple[int, int] | None = None, channels: int | None = None) -> Split:  # fmt: skip
    """The pictures of a named dataset, or of a folder or zip with one folder per class.

    Parameters
    ----------
    name: a key of `DATASETS`, else a path: ``PATH/train/CLASS/*.png``, ``PATH/test/CLASS/*.png``, or a zip of it.
    split: ``train`` or ``test``; for a path, a split folder's name, or None to read ``PATH/CLASS/*.png`` whole.
    root: where a named dataset's files lie; None searches `places`.
    size, channels: resize and convert pictures of a path (see ``folders.read``); named datasets keep their own.

    Raises
    ------
    DataError: unknown name, nothing found (the message says where it was looked for and how to get it), or a damaged
        file (the message names it).

    >>> load("digits", "test").images.shape
    (355, 28, 28, 1)
    """
    if str(name) in DATASETS:
        return _load_named(DATASETS[str(name)], split, root)
    path = Path(name).expanduser()
    if not path.exists():
        near = difflib.get_close_matches(str(name), DATASETS, n=2)
        raise DataError("dataset", "no such dataset, folder or zip", got=name,
                        expected="a path, or one of " + ", ".join(DATASETS),
                        hint="did you mean " + " or ".join(near) + "?" if near else "")  # fmt: skip
    images, labels, classes = read_folders(path, split, size=size, channels=channels)
    return Split(images, labels, classes, path.stem, split or "all", str(path))


def _load_named(row: Dataset, split: str | None, root: str | Path | None) -> Split:
    if split not in row.sizes:
        raise DataError(row.name, "no such split", got=split, expected="one of " + ", ".join(row.sizes))
    found = locate(row, split, root)
    if found is None:
        looked = ", ".join(str(folder) for folder in places(row, root))
        raise DataError(row.name, f"not found; looked in {looked}",
                        hint=f"get it: {row.how}; or set XNORKIT_DATA to the folder that holds its files")  # fmt: skip
    form, paths = found
    images, labels = form.read(paths, split)
    if len(images) != len(labels):
        raise DataError(str(paths[0]), "pictures and labels differ in number", got=f"{len(images)} and {len(labels)}")
    if images.shape != (row.sizes[split], *row.shape):
        raise DataError(str(paths[0]) if paths else row.name, f"is not the {split} split of {row.name}",
                        got=images.shape, expected=(row.sizes[split], *row.shape))  # fmt: skip
    return Split(images, labels, row.classes, row.name, split, str(paths[0].parent) if paths else "scikit-learn")
