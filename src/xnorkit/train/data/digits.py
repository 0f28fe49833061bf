"""Handwritten digits that come inside scikit-learn: 1,797 pictures of 8x8 pixels of 0..16, no download.

Made MNIST-shaped, so that every net for 28x28 pictures takes them: ``pixel = round(v * 255 / 16)`` with halves up, each
pixel repeated 3x3 (24x24), 2 black pixels around (28x28). The test split is every fifth picture of each class in file
order (positions 4, 9, 14, ...): fixed, and nearly the same share of each class.

Source: E. Alpaydin, C. Kaynak, "Optical Recognition of Handwritten Digits", UCI repository, 1998 (its test part).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from xnorkit.errors import MissingDependencyError

REPEAT, BORDER, FOLD = 3, 2, 5
CLASSES = tuple(str(digit) for digit in range(10))


def enlarge(raw: NDArray[np.float64]) -> NDArray[np.uint8]:
    """Pictures (N, 8, 8) of 0..16 as uint8 (N, 28, 28, 1) of 0..255.

    >>> enlarge(np.full((1, 8, 8), 16.0))[0, :3, 2:5, 0].tolist()
    [[0, 0, 0], [0, 0, 0], [255, 255, 255]]
    """
    pixels = np.floor(raw * (255 / 16) + 0.5).astype(np.uint8)
    large = pixels.repeat(REPEAT, axis=1).repeat(REPEAT, axis=2)
    return np.pad(large, ((0, 0), (BORDER, BORDER), (BORDER, BORDER)))[..., None]


def is_test(labels: NDArray[np.int64]) -> NDArray[np.bool_]:
    """True (N,) for every fifth picture of its class, in file order."""
    mask = np.zeros(len(labels), bool)
    for kind in np.unique(labels):
        mask[np.flatnonzero(labels == kind)[FOLD - 1 :: FOLD]] = True
    return mask


def read(split: str) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Pictures uint8 (N, 28, 28, 1) and labels int64 (N,) of ``train`` (1,442) or ``test`` (355).

    Raises
    ------
    MissingDependencyError: scikit-learn is not installed.
    """
    try:
        from sklearn.datasets import load_digits
    except ImportError:
        raise MissingDependencyError("digits", "the pictures come inside scikit-learn",
                                     hint="pip install scikit-learn") from None  # fmt: skip
    bunch = load_digits()
    labels = bunch.target.astype(np.int64)
    chosen = is_test(labels) == (split == "test")
    return enlarge(bunch.images[chosen]), labels[chosen]
