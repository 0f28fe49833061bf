"""One folder per class, on disk or in a zip file: ``[train/ | test/]CLASS/picture.jpg``."""

from __future__ import annotations

import contextlib
import io
import itertools
import zipfile
import zlib
from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from xnorkit.errors import DataError

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".pgm", ".ppm")
SPLITS = ("train", "test", "val", "valid", "validation")
MAX_FILE_BYTES = 64 << 20
MAX_TOTAL_BYTES = 1 << 34
BLOCK = 1024
"""Pictures decoded side by side before the next are read."""


@dataclass(frozen=True)
class Tree:
    """The picture files under a folder or zip, as POSIX paths relative to it, sorted."""

    root: Path
    files: tuple[PurePosixPath, ...]
    archive: bool


def scan(root: str | Path) -> Tree:
    """List the picture files below a folder or inside a zip; hidden files and macOS leftovers are skipped.

    Raises
    ------
    DataError: neither folder nor zip, a damaged zip, or no picture inside.
    """
    root = Path(root)
    archive = root.is_file()
    try:
        if archive:
            with zipfile.ZipFile(root) as opened:
                names = [PurePosixPath(item.filename) for item in opened.infolist() if not item.is_dir()]
        else:
            names = [PurePosixPath(p.relative_to(root).as_posix()) for p in root.rglob("*") if p.is_file()]
    except (zipfile.BadZipFile, OSError) as error:
        raise DataError(str(root), f"cannot be read as a zip or folder ({error})") from None
    pictures = [
        name for name in names
        if name.suffix.lower() in SUFFIXES and not any(part.startswith((".", "__MACOSX")) for part in name.parts)
    ]  # fmt: skip
    if not pictures:
        raise DataError(str(root), "no pictures found", expected="CLASS/picture with one of " + " ".join(SUFFIXES))
    return Tree(root, tuple(sorted(pictures)), archive)


def read(root: str | Path, split: str | None, *, size: tuple[int, int] | None = None,
         channels: int | None = None) -> tuple[NDArray[np.uint8], NDArray[np.int64], tuple[str, ...]]:  # fmt: skip
    """Pictures uint8 (N, H, W, C), labels int64 (N,) and class names (the sorted folder names).

    Parameters
    ----------
    split: read the folder of that name, or, when there are no split folders, only accept None (= everything).
        A zip of a single split (``cifar10-train.zip`` with ``train/CLASS/...``) is read for that split.
    size: (H, W) to resize to, bilinear; None asks that all pictures have one size.
    channels: 1 (grey) or 3 (RGB); None takes what the first picture has.

    Raises
    ------
    DataError: missing split, pictures outside a class folder, sizes that differ, a picture that cannot be decoded.
    """
    tree = scan(root)
    chosen = _choose(tree, split)
    classes = tuple(sorted({path.parts[-2] for path in chosen}))
    number = {name: index for index, name in enumerate(classes)}
    first = next(_decode(tree, chosen[:1], size, channels))
    if first.nbytes * len(chosen) > MAX_TOTAL_BYTES:
        raise DataError(str(tree.root), "too large to hold in memory", got=f"{first.nbytes * len(chosen)} bytes",
                        expected=f"at most {MAX_TOTAL_BYTES} bytes", hint="give a smaller size")  # fmt: skip
    images = np.empty((len(chosen), *first.shape), np.uint8)
    for index, picture in enumerate(_decode(tree, chosen, size, first.shape[2])):
        if picture.shape != first.shape:
            raise DataError(f"{tree.root}/{chosen[index]}", "picture of another size", got=picture.shape,
                            expected=first.shape, hint="resize with data.size=[height,width]")  # fmt: skip
        images[index] = picture
    return images, np.array([number[path.parts[-2]] for path in chosen], np.int64), classes


def _choose(tree: Tree, split: str | None) -> list[PurePosixPath]:
    """The files of the split; every one must lie in a class folder."""
    found = sorted({part for path in tree.files for part in path.parts[:-2] if part in SPLITS})
    if split is None and found:
        raise DataError(str(tree.root), "has split folders: say which", expected="one of " + ", ".join(found))
    if split is not None and split not in found:
        raise DataError(str(tree.root), "no such split", got=split, expected="one of " + (", ".join(found) or "none"),
                        hint=f"put the classes under {split}/ ({split}/CLASS/picture.png)")  # fmt: skip
    chosen = [path for path in tree.files if split is None or split in path.parts[:-2]]
    for path in chosen:
        if len(path.parts) < 2:
            raise DataError(f"{tree.root}/{path}", "picture outside a class folder", expected="CLASS/picture")
    return chosen


def _decode(tree: Tree, files: list[PurePosixPath], size: tuple[int, int] | None,
            channels: int | None) -> Iterator[NDArray[np.uint8]]:  # fmt: skip
    """Decoded pictures uint8 (H, W, C) in order; Pillow releases the GIL, so threads help."""
    with ThreadPoolExecutor() as pool, contextlib.closing(_contents(tree, files)) as contents:
        while block := list(itertools.islice(contents, BLOCK)):
            yield from pool.map(lambda item: decode(item[1], item[0], size=size, channels=channels), block)


def _contents(tree: Tree, files: list[PurePosixPath]) -> Generator[tuple[str, bytes], None, None]:
    """(name for messages, encoded bytes) of each file in order; the zip is opened once."""
    try:
        if not tree.archive:
            for path in files:
                yield f"{tree.root}/{path}", (tree.root / path).read_bytes()
            return
        with zipfile.ZipFile(tree.root) as opened:
            for path in files:
                if opened.getinfo(str(path)).file_size > MAX_FILE_BYTES:
                    raise DataError(f"{tree.root}/{path}", "file too large", expected=f"at most {MAX_FILE_BYTES} bytes")
                yield f"{tree.root}/{path}", opened.read(str(path))
    except (zipfile.BadZipFile, zlib.error, OSError, EOFError) as error:
        raise DataError(str(tree.root), f"cannot be read ({error})", hint="fetch the file again") from None


def decode(data: bytes, name: str, *, size: tuple[int, int] | None = None,
           channels: int | None = None) -> NDArray[np.uint8]:  # fmt: skip
    """One encoded picture as uint8 (H, W, C); as `opened`.

    Parameters
    ----------
    size: (H, W) to resize to, bilinear; None keeps the picture's own.
    """
    picture = opened(data, name, channels=channels)
    if size is not None and picture.size != (size[1], size[0]):
        picture = picture.resize((size[1], size[0]), Image.Resampling.BILINEAR)
    array = np.asarray(picture, np.uint8)
    return array[:, :, None] if picture.mode == "L" else array


def opened(data: bytes, name: str, *, channels: int | None) -> Image.Image:
    """One encoded picture, grey or RGB.

    Parameters
    ----------
    channels: 1 or 3; None: 1 for grey pictures, else 3. An alpha channel is ignored.

    Raises
    ------
    DataError: truncated or undecodable bytes, 16- or 32-bit pixels, or an absurd size (Pillow's decompression-bomb
        limit); names ``name``.
    """
    try:
        with Image.open(io.BytesIO(data)) as file:
            if file.mode.startswith(("I", "F")):
                raise DataError(name, "pixels of more than 8 bits", got=f"mode {file.mode}", expected="8-bit pixels")
            grey = channels == 1 if channels else file.mode in ("1", "L")
            return file.convert("L" if grey else "RGB")
    except DataError:
        raise
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise DataError(name, f"cannot be decoded ({error})") from None
