"""Pictures on the training device, and batches of them: order and augmentation are functions of (seed, epoch, step).

Nothing here keeps state, so a resumed run and any number of processes see the same batches: process r of W takes
positions r, r + W, ... of the recipe's batch, with the augmentation that position would have had in one process.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from xnorkit.train.data.arrays import Split

_ORDER, _AUGMENT = 1, 2


@dataclass(frozen=True, eq=False)
class Pictures:
    """A split as tensors. images: uint8 (N, C, H, W); labels: int64 (N,)."""

    images: Tensor
    labels: Tensor

    @staticmethod
    def of(split: Split, device: torch.device | str = "cpu") -> Pictures:
        """The whole split on ``device``, as bytes: 47 MB for Fashion-MNIST, 154 MB for CIFAR-10."""
        images = torch.from_numpy(np.array(split.images.transpose(0, 3, 1, 2), order="C"))
        return Pictures(images.to(device), torch.from_numpy(split.labels).to(device))

    def __len__(self) -> int:
        return len(self.labels)


def order(count: int, seed: int, epoch: int) -> NDArray[np.int64]:
    """The permutation of 0..count-1 that epoch ``epoch`` runs through."""
    return np.random.default_rng([seed, epoch, _ORDER]).permutation(count)


def augment(images: Tensor, positions: slice, batch: int, key: tuple[int, int, int], *, shift: int,
            flip: bool) -> Tensor:  # fmt: skip
    """uint8 (n, C, H, W) moved by up to ``shift`` pixels each way (black comes in) and mirrored with chance 1/2.

    Parameters
    ----------
    positions: which positions of the whole batch these pictures hold.
    batch: pictures in the whole batch; random numbers are drawn for all of it.
    key: (seed, epoch, step).
    """
    if not shift and not flip:
        return images
    rng = np.random.default_rng([*key, _AUGMENT])
    moves = rng.integers(0, 2 * shift + 1, (batch, 2))[positions]
    mirrored = rng.integers(0, 2, batch).astype(bool)[positions]
    if shift:
        images = _shifted(images, torch.from_numpy(moves).to(images.device), shift)
    if flip:
        where = torch.from_numpy(mirrored).to(images.device)[:, None, None, None]
        images = torch.where(where, images.flip(3), images)
    return images


def _shifted(images: Tensor, corner: Tensor, pad: int) -> Tensor:
    """The H x W window at ``corner`` (n, 2) of each picture padded with ``pad`` zeros all around."""
    n, channels, height, width = images.shape
    device = images.device
    padded = torch.nn.functional.pad(images, (pad, pad, pad, pad))
    rows = (torch.arange(height, device=device) + corner[:, :1])[:, None, :, None]
    columns = (torch.arange(width, device=device) + corner[:, 1:])[:, None, None, :]
    picture = torch.arange(n, device=device)[:, None, None, None]
    return padded[picture, torch.arange(channels, device=device)[None, :, None, None], rows, columns]
