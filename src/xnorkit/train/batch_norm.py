"""Batch-norm statistics: re-estimated from pictures, and averaged over processes."""

from __future__ import annotations

import torch
from accelerate import Accelerator
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from xnorkit.nn import ShiftBatchNorm1d, ShiftBatchNorm2d
from xnorkit.train.batches import Pictures, Streamed, order

NORMS = (_BatchNorm, ShiftBatchNorm1d, ShiftBatchNorm2d)


@torch.no_grad()
def recalibrate(model: nn.Module, pictures: Pictures | Streamed, count: int, batch: int) -> None:
    """Replace running statistics by their plain average over ``count`` pictures, unaugmented, a fixed draw.

    In a binary net one step can flip many signs, so the exponential average that training keeps describes weights
    that are gone; this one describes the weights being evaluated. Only batch norms are put in training mode, so no
    dropout is drawn and the run's random numbers stay untouched. Training itself never reads these statistics.
    """
    norms = [m for m in model.modules() if isinstance(m, NORMS) and getattr(m, "track_running_stats", True)]
    if not norms:
        return
    model.eval()
    before = [m.momentum for m in norms]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None
        norm.train()
    total = min(count, len(pictures))
    drawn = order(len(pictures), 0, 0)[:total]
    for start in range(0, total - total % batch or total, batch):
        model(pictures.at(drawn[start : start + batch]).float())
    for norm, momentum in zip(norms, before, strict=True):
        norm.momentum = momentum
        norm.eval()


@torch.no_grad()
def average_over_processes(model: nn.Module, accelerator: Accelerator) -> None:
    """Each process saw its own share of every batch: make floating-point buffers their mean, the same everywhere."""
    if accelerator.num_processes == 1:
        return
    for buffer in model.buffers():
        if buffer.is_floating_point():
            buffer.copy_(accelerator.reduce(buffer.clone(), "mean"))
