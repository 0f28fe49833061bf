"""Pictures from files, folders, globs and standard input, as the uint8 array a packed model takes."""

from __future__ import annotations

import glob
import io
import sys
import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from ..errors import DataError, ShapeError

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".ppm", ".pgm")
MAX_PIXELS = 1 << 26
"""Larger pictures are refused before they are decoded."""


@dataclass(frozen=True)
class Picture:
    """One picture. pixels: (H, W, C) uint8 of the model's size; original: (width, height) as it was found."""

    name: str
    pixels: NDArray[np.uint8]
    original: tuple[int, int]


def collect(arguments: Iterable[str]) -> list[str]:
    """Names of picture files: files as given, folders searched in order, ``*`` and ``?`` expanded, ``-`` kept.

    Raises DataError for a name that is not there, or a folder or pattern without pictures.
    """
    found: list[str] = []
    for argument in arguments:
        path = Path(argument)
        if argument == "-" or path.is_file():
            found.append(argument)
            continue
        if path.is_dir():
            inside = sorted(str(p) for p in path.rglob("*") if p.suffix.lower() in SUFFIXES)
        else:
            inside = sorted(p for p in glob.glob(argument, recursive=True) if Path(p).is_file())
        if not inside:
            what = "no pictures in this folder" if path.is_dir() else "no such picture"
            raise DataError(
                "picture",
                what,
                got=argument,
                expected="a picture file, a folder, a pattern or -",
                hint="known picture files: " + " ".join(SUFFIXES),
            )
        found += inside
    return found


def read(name: str, shape: tuple[int, int, int], *, invert: bool = False) -> Picture:
    """One picture, turned upright, made grey or RGB and resized to ``shape`` (H, W, C); transparency lies on white.

    invert: 255 - pixel, for dark drawings on light paper where the model learned light on dark.

    Raises DataError when the bytes are no picture or too large; ShapeError when the model takes no pictures.
    """
    height, width, channels = shape
    if channels not in (1, 3) or height * width == 1:
        raise ShapeError(
            "picture",
            "the model's input",
            got=f"{height}x{width}x{channels}",
            expected="H x W x 1 (grey) or H x W x 3 (RGB)",
            hint="this model takes no pictures; call it from Python with an array",
        )
    label = "standard input" if name == "-" else name
    source = io.BytesIO(sys.stdin.buffer.read()) if name == "-" else name
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(source) as image:
                if image.width * image.height > MAX_PIXELS:
                    raise DataError(
                        "picture",
                        f"{label} is too large",
                        got=f"{image.width}x{image.height}",
                        expected=f"at most {MAX_PIXELS:,} pixels",
                    )
                original = image.size
                plain = _eight_bits(ImageOps.exif_transpose(image), channels)
    except UnidentifiedImageError:
        raise DataError(
            "picture", f"{label} is not a picture", expected="PNG, JPEG or another file Pillow reads"
        ) from None
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        if isinstance(error, DataError):
            raise
        raise DataError("picture", f"{label} cannot be read", got=_reason(error)) from error
    if plain.size != (width, height):
        plain = plain.resize((width, height), Image.Resampling.BOX if plain.width > width else Image.Resampling.BICUBIC)
    pixels = np.asarray(plain, dtype=np.uint8).reshape(height, width, channels)
    return Picture(label, 255 - pixels if invert else pixels, original)


def _eight_bits(image: Image.Image, channels: int) -> Image.Image:
    """The picture as "L" or "RGB"; 16-bit grey keeps its upper byte."""
    if image.mode.startswith("I"):
        image = Image.fromarray(np.clip(np.asarray(image) // 256, 0, 255).astype(np.uint8))
    if "A" in image.mode or "transparency" in image.info:
        layer = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", layer.size, "white"), layer)
    return image.convert("L" if channels == 1 else "RGB")


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error).splitlines()[0]
