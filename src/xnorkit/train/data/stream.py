"""Pictures of a folder that memory does not hold: decoded when they are asked for, in training with a crop drawn anew.

FOLDER/train/CLASS/*.jpg    FOLDER/val/CLASS/*.jpg (or test/)        the layout of ImageNet
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from xnorkit.errors import DataError
from xnorkit.train.data.arrays import Split
from xnorkit.train.data.crops import Crop
from xnorkit.train.data.folders import opened, scan

TESTS = ("test", "val", "valid", "validation")
"""Folders that may hold the test split, in order of preference."""


class FolderImages:
    """Picture files as the uint8 (N, H, W, 3) array of their test crops: shape, len, slices, index arrays,
    ``np.asarray``. Only ``np.asarray`` and ``drawn`` decode.

    files: paths as an object array (N,). Raises DataError for a picture that cannot be decoded, when it is.
    """

    dtype, ndim = np.dtype(np.uint8), 4

    def __init__(self, files: NDArray[np.object_], crop: Crop) -> None:
        self.files, self.crop = files, crop

    def __len__(self) -> int:
        return len(self.files)

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """(N, H, W, 3)."""
        return len(self.files), *self.crop.size, 3

    def __getitem__(self, index: slice | NDArray[np.int64]) -> FolderImages:
        return FolderImages(self.files[index], self.crop)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        """All test crops. ``copy=False`` cannot be had: they are decoded."""
        if copy is False:
            raise ValueError("pictures of a folder are decoded: no array without a copy")
        return self._decoded(lambda picture, _: self.crop.cut(picture, self.crop.middle(*picture.size))).astype(
            self.dtype if dtype is None else dtype, copy=False
        )

    def drawn(self, numbers: NDArray[np.float64], normals: NDArray[np.float64]) -> NDArray[np.uint8]:
        """uint8 (N, H, W, 3): training crops by ``numbers`` (N, 22) in [0, 1) and ``normals`` (N, 3)."""

        def cut(picture: Image.Image, i: int) -> NDArray[np.uint8]:
            return self.crop.lit(self.crop.cut(picture, self.crop.drawn(*picture.size, numbers[i])), normals[i])

        return self._decoded(cut)

    def _decoded(self, cut: Callable[[Image.Image, int], NDArray[np.uint8]]) -> NDArray[np.uint8]:
        found = np.empty(self.shape, np.uint8)

        def fill(i: int) -> None:
            path = Path(self.files[i])
            try:
                data = path.read_bytes()
            except OSError as error:
                raise DataError(str(path), f"cannot be read ({error.strerror})") from None
            found[i] = cut(opened(data, str(path), channels=3), i)

        with ThreadPoolExecutor() as pool:  # Pillow releases the GIL while it decodes
            for _ in pool.map(fill, range(len(self.files))):
                pass
        return found


def places(name: str, root: str | None = None) -> Iterator[Path]:
    """Folders that a name may mean: itself, below ``root``, below ``$XNORKIT_DATA``."""
    yield Path(name).expanduser()
    for parent in (root, os.environ.get("XNORKIT_DATA")):
        if parent:
            yield Path(parent).expanduser() / name


def stream(name: str, split: str, crop: Crop, root: str | None = None) -> Split:
    """A split whose pictures stay on disk. split: ``train`` or ``test``, which may be called ``val``.

    Raises DataError: no such folder (the message says where it was looked for), no such split, no pictures in class
    folders.
    """
    folder = next((place for place in places(name, root) if place.is_dir()), None)
    if folder is None:
        looked = ", ".join(map(str, places(name, root)))
        raise DataError("dataset", "no such folder", got=name,
                        expected=f"train/CLASS/*.jpg and val/CLASS/*.jpg in one of {looked}",
                        hint="-o data.name=/path/to/it, or set XNORKIT_DATA to the folder it lies in")  # fmt: skip
    names = TESTS if split == "test" else (split,)
    below = next((folder / part for part in names if (folder / part).is_dir()), None)
    if below is None:
        raise DataError(str(folder), "no such split", got=split, expected="a folder named " + " or ".join(names))
    found = scan(below).files
    if any(len(path.parts) < 2 for path in found):
        raise DataError(str(below), "picture outside a class folder", expected="CLASS/picture")
    classes = tuple(sorted({path.parts[-2] for path in found}))
    number = {label: i for i, label in enumerate(classes)}
    files = np.array([str(below / path) for path in found], dtype=object)
    labels = np.array([number[path.parts[-2]] for path in found], np.int64)
    images = cast("NDArray[np.uint8]", FolderImages(files, crop))
    return Split(images, labels, classes, folder.name, split, str(folder))
