"""One of two processes of test_nn_distributed: ``python two_processes.py FOLDER RANK`` saves FOLDER/RANK.pt.

The file holds a state_dict for each of NETS, after the steps of ``train`` on the rank's own batches.
"""

import sys
from datetime import timedelta
from functools import partial

import torch
import torch.distributed as dist
from torch import nn
from torch.nn.parallel import DistributedDataParallel

import xnorkit
from xnorkit.nn import BinaryConv2d, BinaryLinear, Int8Conv2d, Int8Linear, clip_weights_, set_progress_

SCHEME_ROWS = ("ir-net", "reactnet", "adabin", "real-to-binary", "ttq", "xnor[kmap=true]")
"""Schemes with buffers, a schedule, learned numbers, a gate or K."""


def scheme_net(spec, seed=0, **options):
    """A tiny net of the scheme."""
    torch.manual_seed(seed)
    options = {"num_classes": 3, "stages": [[4], [4, 8]], "input_size": 8, **options}
    return xnorkit.create_model("vgg_small", spec, **options)


def network():
    torch.manual_seed(0)
    return nn.Sequential(Int8Conv2d(1, 4, 3), BinaryConv2d(4, 4, 3, bias=True, pad_value=-1, padding=1), nn.Flatten(),
                         BinaryLinear(144, 8), Int8Linear(8, 3, activation="sign"))  # fmt: skip


NETS = {"layers": network, **{spec: partial(scheme_net, spec) for spec in SCHEME_ROWS}}


def batch(rank):
    return torch.randint(0, 256, (4, 1, 8, 8), generator=torch.Generator().manual_seed(rank)).float()


def train(model, loss):
    """Two steps of SGD on ``loss(model)``; weights stay in [-1, 1]."""
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for share in (0.0, 0.5):
        set_progress_(model, share)
        optimizer.zero_grad()
        loss(model).backward()
        optimizer.step()
        clip_weights_(model)


def work(folder, rank):
    store = dist.FileStore(f"{folder}/rendezvous", 2)
    dist.init_process_group("gloo", store=store, rank=rank, world_size=2, timeout=timedelta(seconds=60))
    trained = {}
    for name, build in NETS.items():
        model = DistributedDataParallel(build())
        train(model, lambda m: m(batch(rank)).square().mean())
        trained[name] = model.module.state_dict()
    torch.save(trained, f"{folder}/{rank}.pt")
    dist.destroy_process_group()


if __name__ == "__main__":
    work(sys.argv[1], int(sys.argv[2]))
