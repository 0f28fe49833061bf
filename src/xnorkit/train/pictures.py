"""The pictures a recipe asks for: of a named dataset or a small folder in memory, of a large folder on disk."""

from __future__ import annotations

from xnorkit.errors import RecipeError
from xnorkit.train.data.arrays import Split
from xnorkit.train.data.crops import Crop
from xnorkit.train.data.datasets import DATASETS
from xnorkit.train.data.datasets import load as load_whole
from xnorkit.train.data.stream import stream
from xnorkit.train.options import DataOptions


def both(options: DataOptions) -> tuple[Split, Split]:
    """Training and test pictures. Raises RecipeError, DataError."""
    train = load(options, "train")
    return train, load(options, "test", train.shape)


def load(options: DataOptions, split: str, shape: tuple[int, int, int] | None = None) -> Split:
    """One split. shape: (H, W, C) that pictures of a folder are brought to; None: by the options, or as they are.

    Raises RecipeError, DataError.
    """
    if options.name in DATASETS and (options.size or options.crop != "none"):
        key = "size" if options.size else "crop"
        raise RecipeError(f"data.{key}", "only for folders" + (" and zips" if options.size else ""),
                          got=list(options.size) or options.crop, expected="[] and none")  # fmt: skip
    size = (options.size[0], options.size[1]) if options.size else None
    if options.crop == "none":
        size, channels = (size, None) if shape is None else (shape[:2], shape[2])
        return load_whole(options.name, split, options.root, size=size, channels=channels)
    if size is None:
        raise RecipeError("data.size", "needed with data.crop", got=[], expected="[height, width]")
    area = (options.area[0], options.area[1]) if options.crop == "area" else None
    crop = Crop(size, area, (options.short[0], options.short[1]), options.lighting)
    return stream(options.name, split, crop, options.root)
