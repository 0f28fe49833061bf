"""`Split`: labelled pictures in memory, checked once when made, the only currency of this folder."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from xnorkit.errors import DataError


@dataclass(frozen=True, eq=False)
class Split:
    """Labelled pictures of one size.

    Parameters
    ----------
    images: uint8 (N, H, W, C), 0..255, C = 1 or 3.
    labels: int64 (N,), 0 <= label < len(classes).
    classes: class names; the label is the index.
    name: dataset name, e.g. ``fashion-mnist``.
    split: ``train``, ``test`` or ``all``.
    source: where the bytes came from.

    Raises
    ------
    DataError: wrong dtype, rank, channel count, lengths that differ, a label without a class.
    """

    images: NDArray[np.uint8]
    labels: NDArray[np.int64]
    classes: tuple[str, ...]
    name: str
    split: str
    source: str = ""

    def __post_init__(self) -> None:
        images, labels = self.images, self.labels
        if images.dtype != np.uint8 or images.ndim != 4 or images.shape[3] not in (1, 3):
            raise DataError(self.name, "pictures", got=f"{images.dtype} {images.shape}",
                            expected="uint8 (N, H, W, 1 or 3)")  # fmt: skip
        if labels.dtype != np.int64 or labels.shape != (len(images),):
            raise DataError(self.name, "labels", got=f"{labels.dtype} {labels.shape}",
                            expected=f"int64 ({len(images)},)")  # fmt: skip
        if len(labels) and not (labels.min() >= 0 and labels.max() < len(self.classes)):
            raise DataError(self.name, "label without a class", got=f"{labels.min()}..{labels.max()}",
                            expected=f"0..{len(self.classes) - 1}")  # fmt: skip

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def shape(self) -> tuple[int, int, int]:
        """(H, W, C) of one picture."""
        height, width, channels = self.images.shape[1:]
        return height, width, channels

    def take(self, indices: NDArray[np.int64]) -> Split:
        """The pictures at ``indices``, in that order."""
        return Split(self.images[indices], self.labels[indices], self.classes, self.name, self.split, self.source)


def stratified(labels: NDArray[np.int64], count: int, seed: int) -> NDArray[np.int64]:
    """Rising indices of ``count`` pictures drawn with nearly the same share from each class, by seed.

    Class k of n_k pictures gives floor(count * n_k / N), and the classes with the largest remainders one more.

    >>> stratified(np.repeat(np.arange(3), 10), 7, seed=0).size
    7
    """
    if not 0 <= count <= len(labels):
        raise DataError("data", "more pictures asked for than there are", got=count, expected=f"at most {len(labels)}")
    kinds, sizes = np.unique(labels, return_counts=True)
    shares = count * sizes / max(len(labels), 1)
    quotas = np.floor(shares).astype(int)
    quotas[np.argsort(quotas - shares, kind="stable")[: count - quotas.sum()]] += 1
    rng = np.random.default_rng([seed, 0x5EED])
    drawn = [rng.permutation(np.flatnonzero(labels == k))[:q] for k, q in zip(kinds, quotas, strict=True)]
    return np.sort(np.concatenate([*drawn, np.empty(0, np.int64)]).astype(np.int64))


def hold_out(split: Split, count: int, seed: int) -> tuple[Split, Split]:
    """``(kept, held)``: ``count`` pictures drawn by `stratified` are held out of ``split``."""
    held = stratified(split.labels, count, seed)
    kept = np.setdiff1d(np.arange(len(split), dtype=np.int64), held)
    return split.take(kept), split.take(held)
