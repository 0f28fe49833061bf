"""Two processes under DistributedDataParallel: all parameters take part, gradients average, replicas stay equal."""

import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from xnorkit.nn import BinaryConv2d, BinaryLinear, Int8Conv2d, Int8Linear, clip_weights_


def network():
    torch.manual_seed(0)
    return nn.Sequential(Int8Conv2d(1, 4, 3), BinaryConv2d(4, 4, 3, bias=True, pad_value=-1, padding=1), nn.Flatten(),
                         BinaryLinear(144, 8), Int8Linear(8, 3, activation="sign"))  # fmt: skip


def batch(rank):
    return torch.randint(0, 256, (4, 1, 8, 8), generator=torch.Generator().manual_seed(rank)).float()


def work(rank, folder):
    dist.init_process_group("gloo", init_method=f"file://{folder}/rendezvous", rank=rank, world_size=2)
    model = DistributedDataParallel(network())
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for _ in range(2):
        optimizer.zero_grad()
        model(batch(rank)).square().mean().backward()
        optimizer.step()
        clip_weights_(model)
    torch.save(model.module.state_dict(), f"{folder}/{rank}.pt")
    dist.destroy_process_group()


def test_two_processes_train_one_model(tmp_path):
    other = mp.get_context("spawn").Process(target=work, args=(1, str(tmp_path)))
    other.start()
    work(0, str(tmp_path))
    other.join()
    assert other.exitcode == 0
    first, second = (torch.load(tmp_path / f"{rank}.pt") for rank in (0, 1))
    single = network()
    optimizer = torch.optim.SGD(single.parameters(), lr=0.1)
    for _ in range(2):
        optimizer.zero_grad()
        (sum(single(batch(rank)).square().mean() for rank in (0, 1)) / 2).backward()
        optimizer.step()
        clip_weights_(single)
    start = network().state_dict()
    for name, value in single.state_dict().items():
        assert torch.equal(first[name], second[name])
        torch.testing.assert_close(first[name], value)
        assert not torch.equal(value, start[name])
