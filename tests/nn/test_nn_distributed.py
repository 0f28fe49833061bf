"""Two processes under DistributedDataParallel: all parameters take part, gradients average, replicas stay equal.

Layers and whole schemes with learned numbers, a schedule, a gate or K; batch-norm statistics are each process's own.
Both are processes of their own, with a limit on every wait: a peer that dies or hangs fails this test by name.
"""

import subprocess
import sys
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).parent))
from two_processes import NETS, batch, train

SCRIPT = Path(__file__).with_name("two_processes.py")
LIMIT = 120  # seconds


def test_two_processes_train_one_model(tmp_path):
    streams = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    ranks = [subprocess.Popen([sys.executable, SCRIPT, tmp_path, str(rank)], text=True, **streams) for rank in (0, 1)]
    try:
        said = [rank.communicate(timeout=LIMIT)[0] for rank in ranks]
    finally:
        for rank in ranks:
            rank.kill()
    assert [rank.returncode for rank in ranks] == [0, 0], said
    first, second = (torch.load(tmp_path / f"{rank}.pt") for rank in (0, 1))
    for net, build in NETS.items():
        single = build()
        train(single, lambda m: sum(m(batch(rank)).square().mean() for rank in (0, 1)) / 2)
        start = dict(build().named_parameters())
        for name, value in single.named_parameters():
            assert torch.equal(first[net][name], second[net][name]), (net, name)
            torch.testing.assert_close(first[net][name], value.detach())
            assert not torch.equal(value, start[name]), (net, name)
