"""Under torchrun: the tiny run and a run without statistics; prints checksums of what each rank holds in memory."""

from __future__ import annotations

import os
import sys
from typing import Any

import torch
from tiny_run import checksum, split, train
from torch import nn

from xnorkit.train import run, session

PLAIN = {"name": "plain", "seed": 1, "data": {"shift": 1}, "train": {"epochs": 2, "batch": 20},
         "optim": {"name": "sgd", "lr": 0.05}}  # fmt: skip


def plain(out: str) -> nn.Module:
    """A float net whose batch gradient is the mean over pictures, so that processes must not change it."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Flatten(), nn.BatchNorm1d(64).eval().requires_grad_(False), nn.Linear(64, 3))
    model[1].register_forward_pre_hook(lambda module, _: module.eval() and None)
    model[1].running_var.fill_(100.0**2)
    data = (split(300, 0, "train"), split(90, 1, "test"))
    return run(PLAIN, out=out, model=model, data=data, device="cpu", progress="none", tensorboard=False).model


if __name__ == "__main__":
    torch.set_num_threads(1)
    rank, finish = os.environ["RANK"], session._finish

    def spy(trainer: Any, test: Any) -> Any:
        """Print what this process holds after the last step, before anything is read back from disk."""
        sys.stdout.write(f"rank {rank} {trainer.recipe.name} {checksum(trainer.model)}\n")
        sys.stdout.flush()
        return finish(trainer, test)

    session._finish = spy
    train(sys.argv[1] + "/tiny", ("train.epochs=2",))
    plain(sys.argv[1] + "/plain")
