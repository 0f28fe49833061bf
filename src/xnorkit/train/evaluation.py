"""Scores of a torch model over pictures, and what they say."""

from __future__ import annotations

import numpy as np
import torch
from accelerate import Accelerator
from accelerate.utils import gather_object
from numpy.typing import NDArray
from torch import nn

from xnorkit.train.batches import Pictures, Streamed
from xnorkit.train.data.arrays import Split
from xnorkit.train.losses import Loss
from xnorkit.train.metrics import Evaluation, summarize


@torch.no_grad()
def scores(model: nn.Module, pictures: Pictures | Streamed, batch: int = 500,
           every: slice = slice(None)) -> NDArray[np.float32]:  # fmt: skip
    """float32 (N, K) of the pictures, on the model's device; leaves the model in eval mode. every: of those only."""
    model.eval()
    index = np.arange(len(pictures))[every]
    found = [model(pictures.at(index[i : i + batch]).float()).float().cpu() for i in range(0, len(index), batch)]
    return torch.cat(found).numpy()


def evaluate(model: nn.Module, data: Split, batch: int = 500, *, loss: Loss | None = None) -> Evaluation:
    """Top-1, top-5, confusion, predictions (and mean loss, if given one) of ``model`` on ``data``.

    >>> data = Split(np.zeros((3, 2, 2, 1), np.uint8), np.array([0, 1, 0]), ("a", "b"), "tiny", "test")
    >>> model = nn.Sequential(nn.Flatten(), nn.Linear(4, 2))
    >>> _ = nn.init.zeros_(model[1].weight); model[1].bias.data = torch.tensor([1.0, 0.0])
    >>> evaluate(model, data).confusion.tolist()
    [[2, 0], [1, 0]]
    """
    first = next(model.parameters(), None)
    pictures = Pictures.of(data, first.device if first is not None else "cpu")
    return _judged(scores(model, pictures, batch), data.labels, loss)


def evaluate_together(model: nn.Module, pictures: Pictures | Streamed, accelerator: Accelerator,
                      loss: Loss) -> Evaluation:  # fmt: skip
    """`evaluate` with the pictures dealt out over the processes; every process gets the same answer."""
    rank, world = accelerator.process_index, accelerator.num_processes
    if len(pictures) < world:
        return _judged(scores(model, pictures), pictures.labels.cpu().numpy(), loss)
    own = scores(model, pictures, every=slice(rank, None, world))
    parts = gather_object([own])
    whole = np.empty((len(pictures), own.shape[1]), np.float32)
    for index, part in enumerate(parts):
        whole[index::world] = part
    return _judged(whole, pictures.labels.cpu().numpy(), loss)


def _judged(found: NDArray[np.float32], labels: NDArray[np.int64], loss: Loss | None) -> Evaluation:
    mean = None if loss is None else float(loss(torch.from_numpy(found), torch.from_numpy(labels)))
    return summarize(found, labels, mean)
