"""Pictures on the training device, and batches of them: order and augmentation are functions of (seed, epoch, step).

Nothing here keeps state, so a resumed run and any number of processes see the same batches: process r of W takes
positions r, r + W, ... of the recipe's batch, with the augmentation that position would have had in one process.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from xnorkit.train.data.arrays import Split
from xnorkit.train.data.crops import COLOURS, NUMBERS
from xnorkit.train.data.stream import FolderImages

_ORDER, _AUGMENT, _CROP = 1, 2, 3
Key = tuple[int, int, int]


@dataclass(frozen=True, eq=False)
class Pictures:
    """A split as tensors. images: uint8 (N, C, H, W); labels: int64 (N,)."""

    images: Tensor
    labels: Tensor

    @staticmethod
    def of(split: Split, device: torch.device | str = "cpu") -> Pictures | Streamed:
        """The whole split on ``device``, as bytes: 47 MB for Fashion-MNIST, 154 MB for CIFAR-10; or `Streamed`."""
        labels = torch.from_numpy(split.labels).to(device)
        if isinstance(split.images, FolderImages):
            return Streamed(split.images, labels)
        images = torch.from_numpy(np.array(split.images.transpose(0, 3, 1, 2), order="C"))
        return Pictures(images.to(device), labels)

    def __len__(self) -> int:
        return len(self.labels)

    def at(self, index: NDArray[np.int64]) -> Tensor:
        """The pictures as they are: uint8 (n, C, H, W)."""
        return self.images[torch.from_numpy(index).to(self.images.device)]

    def drawn(self, chosen: NDArray[np.int64], mine: slice, key: Key) -> Tensor:
        """Positions ``mine`` of the whole batch ``chosen``, for training; ``augment`` comes next."""
        return self.at(chosen[mine])

    def expect(self, chosen: NDArray[np.int64], mine: slice, key: Key) -> None:
        """That batch is the next: nothing to prepare, it is in memory."""


class Streamed:
    """A split on disk, with the methods of `Pictures`; the next batch is decoded while a step is made."""

    def __init__(self, images: FolderImages, labels: Tensor) -> None:
        self.images, self.labels = images, labels
        self._pool = ThreadPoolExecutor(1)
        self._next: tuple[Key, Future[NDArray[np.uint8]]] | None = None

    def __len__(self) -> int:
        return len(self.labels)

    def at(self, index: NDArray[np.int64]) -> Tensor:
        """The test crops: uint8 (n, 3, H, W)."""
        return self._tensor(np.asarray(self.images[index]))

    def drawn(self, chosen: NDArray[np.int64], mine: slice, key: Key) -> Tensor:
        """Training crops, a function of (key, position in the batch)."""
        waiting, self._next = self._next, None
        if waiting is not None and waiting[0] == key:
            return self._tensor(waiting[1].result())
        return self._tensor(self._decoder(chosen, mine, key)())

    def expect(self, chosen: NDArray[np.int64], mine: slice, key: Key) -> None:
        """That batch is the next: decode it beside what happens now."""
        self._next = (key, self._pool.submit(self._decoder(chosen, mine, key)))

    def _decoder(self, chosen: NDArray[np.int64], mine: slice, key: Key) -> Callable[[], NDArray[np.uint8]]:
        rng = np.random.default_rng([*key, _CROP])
        numbers, normals = rng.random((len(chosen), NUMBERS)), rng.standard_normal((len(chosen), COLOURS))
        return lambda: self.images[chosen[mine]].drawn(numbers[mine], normals[mine])

    def _tensor(self, pixels: NDArray[Any]) -> Tensor:
        return torch.from_numpy(pixels.transpose(0, 3, 1, 2).copy()).to(self.labels.device)


def order(count: int, seed: int, epoch: int) -> NDArray[np.int64]:
    """The permutation of 0..count-1 that epoch ``epoch`` runs through."""
    return np.random.default_rng([seed, epoch, _ORDER]).permutation(count)


def augment(images: Tensor, positions: slice, batch: int, key: Key, *, shift: int, flip: bool,
            cutout: int = 0) -> Tensor:  # fmt: skip
    """uint8 (n, C, H, W) moved by up to ``shift`` pixels each way (black comes in) and mirrored with chance 1/2.

    cutout: side of a square that loses what it shows, for the picture's mean colour; its middle is any pixel, so that
    it may lie partly outside (DeVries and Taylor 2017).

    Parameters
    ----------
    positions: which positions of the whole batch these pictures hold.
    batch: pictures in the whole batch; random numbers are drawn for all of it.
    key: (seed, epoch, step).
    """
    if not shift and not flip and not cutout:
        return images
    rng = np.random.default_rng([*key, _AUGMENT])
    moves = rng.integers(0, 2 * shift + 1, (batch, 2))[positions]
    mirrored = rng.integers(0, 2, batch).astype(bool)[positions]
    middles = rng.integers(0, images.shape[2:], (batch, 2))[positions]
    if shift:
        images = _shifted(images, torch.from_numpy(moves).to(images.device), shift)
    if flip:
        where = torch.from_numpy(mirrored).to(images.device)[:, None, None, None]
        images = torch.where(where, images.flip(3), images)
    return _cut(images, torch.from_numpy(middles).to(images.device), cutout) if cutout else images


def _cut(images: Tensor, middle: Tensor, side: int) -> Tensor:
    """The pictures with their mean colour in the square of ``side`` pixels that begins side // 2 before ``middle``."""
    inside = []
    for axis in (0, 1):
        place = torch.arange(images.shape[2 + axis], device=images.device) - (middle[:, axis, None] - side // 2)
        inside.append((place >= 0) & (place < side))
    square = inside[0][:, None, :, None] & inside[1][:, None, None, :]
    return torch.where(square, images.float().mean((2, 3), keepdim=True).round().to(images.dtype), images)


def _shifted(images: Tensor, corner: Tensor, pad: int) -> Tensor:
    """The H x W window at ``corner`` (n, 2) of each picture padded with ``pad`` zeros all around."""
    n, channels, height, width = images.shape
    device = images.device
    padded = torch.nn.functional.pad(images, (pad, pad, pad, pad))
    rows = (torch.arange(height, device=device) + corner[:, :1])[:, None, :, None]
    columns = (torch.arange(width, device=device) + corner[:, 1:])[:, None, None, :]
    picture = torch.arange(n, device=device)[:, None, None, None]
    return padded[picture, torch.arange(channels, device=device)[None, :, None, None], rows, columns]
