"""How a picture of any size becomes one of H x W: which part of it, and which colours. Pure functions of drawn numbers.

Random numbers come in as rows of ``NUMBERS`` uniform and ``COLOURS`` normal numbers a picture, so that a picture is a
function of (seed, epoch, step, position) however many processes and threads there are.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from xnorkit.errors import DataError

Box = tuple[float, float, float, float]

TRIES, NUMBERS, COLOURS = 10, 22, 3
ASPECTS = (3 / 4, 4 / 3)

_VALUES = np.array([0.2175, 0.0188, 0.0045])
_VECTORS = np.array([[-0.5675, 0.7192, 0.4009], [-0.5808, -0.0045, -0.8140], [-0.5836, -0.6948, 0.4203]])
"""Principal components of ImageNet's colours, as in fb.resnet.torch."""


@dataclass(frozen=True)
class Crop:
    """What is cut out of a picture, in training and in tests.

    size: (H, W) of the result.
    area: in training, a rectangle of a share of the picture's area drawn between these two and of an aspect of 3/4 to
        4/3, resized to ``size`` (Szegedy et al. 2015); None: the picture is resized until its shorter side is a number
        drawn between the two of ``short``, and a window of ``size`` lies anywhere.
    short: in tests the shorter side is ``short[0]`` and the window lies in the middle.
    lighting: in training, standard deviation of AlexNet's colour noise, 0 for none: along each principal component of
        ImageNet's colours, times its eigenvalue.
    Raises DataError for a shorter side below ``size``, or two numbers in falling order.
    """

    size: tuple[int, int]
    area: tuple[float, float] | None = None
    short: tuple[int, int] = (256, 256)
    lighting: float = 0.0

    def __post_init__(self) -> None:
        if min(self.short) < max(self.size) or self.short[0] > self.short[1]:
            raise DataError("crop", "shorter side", got=self.short, expected=f"rising, from {max(self.size)} on")
        if self.area is not None and not 0 < self.area[0] <= self.area[1] <= 1:
            raise DataError("crop", "share of the area", got=self.area, expected="two rising numbers in (0, 1]")

    def drawn(self, width: int, height: int, numbers: NDArray[np.float64]) -> Box:
        """(left, top, right, bottom) of a training crop in a picture of that size; ``numbers`` (22,) in [0, 1)."""
        if self.area is None:
            low, high = self.short
            return self._window(width, height, low + numbers[0] * (high - low), numbers[-2], numbers[-1])
        for share, turn in zip(numbers[:TRIES], numbers[TRIES : 2 * TRIES], strict=True):
            target = width * height * (self.area[0] + share * (self.area[1] - self.area[0]))
            aspect = math.exp(math.log(ASPECTS[0]) + turn * math.log(ASPECTS[1] / ASPECTS[0]))
            w, h = round(math.sqrt(target * aspect)), round(math.sqrt(target / aspect))
            if 0 < w <= width and 0 < h <= height:
                left, top = int(numbers[-2] * (width - w + 1)), int(numbers[-1] * (height - h + 1))
                return left, top, left + w, top + h
        w, h = min(width, height * ASPECTS[1]), min(height, width / ASPECTS[0])
        return (width - w) / 2, (height - h) / 2, (width + w) / 2, (height + h) / 2

    def middle(self, width: int, height: int) -> Box:
        """The test crop.

        >>> Crop((224, 224)).middle(512, 256)
        (144.0, 16.0, 368.0, 240.0)
        """
        return self._window(width, height, self.short[0], None, None)

    def _window(self, width: int, height: int, short: float, x: float | None, y: float | None) -> Box:
        """The window of ``size`` in the picture resized to that shorter side, in the picture's own coordinates."""
        scale = short / min(width, height)
        h, w = self.size
        wide, high = max(w, round(width * scale)), max(h, round(height * scale))
        left = (wide - w) / 2 if x is None else int(x * (wide - w + 1))
        top = (high - h) / 2 if y is None else int(y * (high - h + 1))
        across, down = width / wide, height / high
        return left * across, top * down, (left + w) * across, (top + h) * down

    def cut(self, picture: Image.Image, box: Box) -> NDArray[np.uint8]:
        """uint8 (H, W, 3) of that part of an RGB picture, bilinear."""
        size = (self.size[1], self.size[0])
        return np.asarray(picture.resize(size, Image.Resampling.BILINEAR, box=box), np.uint8)

    def lit(self, pixels: NDArray[np.uint8], normals: NDArray[np.float64]) -> NDArray[np.uint8]:
        """The pixels (H, W, 3) with colour noise; ``normals`` (3,). Source: Krizhevsky et al. 2012, sec. 4.1."""
        if not self.lighting:
            return pixels
        shift = 255 * _VECTORS @ (_VALUES * normals * self.lighting)
        return np.clip(np.rint(pixels + shift), 0, 255).astype(np.uint8)
