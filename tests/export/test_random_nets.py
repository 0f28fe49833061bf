"""Random nets: torch, the NumPy law and the engine agree. XNORKIT_RANDOM_NETS says how many; 200 in `make parity`."""

from __future__ import annotations

import os
import warnings
from random import Random

import numpy as np
import pytest
import torch
from random_nets import RandomNet
from torch import Tensor, nn

from xnorkit.export import rehearse, to_graph, verify
from xnorkit.export.parity import to_torch
from xnorkit.export.rehearsal import made_up_
from xnorkit.nn import BinaryConv2d
from xnorkit.runtime.session import Session

NETS = int(os.environ.get("XNORKIT_RANDOM_NETS", "40"))
BLOCK = 10
PICTURES = 6


def check(seed: int) -> None:
    """Integers equal; floats within their bounds; predictions equal, unless a picture begins with a float tie."""
    torch.manual_seed(seed)
    net = RandomNet(Random(seed))
    images = np.random.default_rng(seed).integers(0, 256, (PICTURES, net.side, net.side, net.in_chans), dtype=np.uint8)
    model = made_up_(net, images, seed)
    graph = to_graph(model, to_torch(images[:1]), input_dtype="u8")
    found = verify(model, graph, images)
    assert not any(row.different for row in found.layers if row.binding), (seed, net.scheme, found.first_difference)
    turned = sum(row.different for row in found.layers if not row.binding)
    assert found.mismatches == found.ties, (seed, net.scheme, found.first_difference)
    engine, law = Session(graph)(images), Session(graph, backend="reference")(images)
    if not turned:
        np.testing.assert_allclose(engine, law, rtol=1e-3, atol=1e-3, err_msg=f"{seed} {net.scheme}")


@pytest.mark.parametrize("block", range(-(-NETS // BLOCK)))
def test_torch_the_law_and_the_engine_agree(block: int) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch.export's own
        for seed in range(block * BLOCK, min((block + 1) * BLOCK, NETS)):
            check(seed)


class Unread(nn.Module):
    """A branch whose layer nobody reads, beside one that reads the same signs."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.norm = nn.Conv2d(1, 8, 3), nn.BatchNorm2d(8)
        self.read, self.unread = BinaryConv2d(8, 4, 3), BinaryConv2d(8, 4, 1)

    def forward(self, x: Tensor) -> Tensor:
        x = self.norm(self.stem(x))
        self.unread(x)
        return self.read(x).mean((2, 3))


def test_a_branch_that_nothing_reads_is_in_no_file_and_is_not_missed() -> None:
    images = np.random.default_rng(0).integers(0, 256, (4, 8, 8, 1)).astype(np.float32)
    report = rehearse(Unread(), images)
    assert report.ok and [row.name for row in report.verify.layers if row.kind == "integers"] == ["read"]
