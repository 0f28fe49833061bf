"""Operators that only move elements: what they become, that they are equal, which are refused and how."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from xnorkit.errors import UnsupportedError
from xnorkit.export import to_graph, verify
from xnorkit.export.rehearsal import made_up_
from xnorkit.nn import BinaryConv2d, BinaryLinear
from xnorkit.runtime.session import Session

C, SIDE = 8, 6


class Moved(nn.Module):
    """(N, 8, 6, 6) -> whatever ``move`` makes of it, scaled by nothing."""

    def __init__(self, move: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.move = move

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.move(F.relu(x)))


def _shuffle(x: Tensor) -> Tensor:
    """The channel shuffle as it is mostly written."""
    n, c, h, w = x.shape
    return x.view(n, 2, c // 2, h, w).transpose(1, 2).contiguous().view(n, c, h, w)


MOVES: dict[str, tuple[Callable[[Tensor], Tensor], list[str]]] = {
    "slice": (lambda x: x[:, 2:5], ["pick_channels"]),
    "chunk": (lambda x: x.chunk(3, 1)[2], ["pick_channels"]),
    "split": (lambda x: torch.split(x, [1, 3, 4], 1)[1], ["pick_channels"]),
    "narrow": (lambda x: x.narrow(1, 7, 1), ["pick_channels"]),
    "unbind": (lambda x: x.unbind(1)[3].unsqueeze(1), ["pick_channels"]),
    "shuffle": (_shuffle, ["pick_channels"]),
    "channel_shuffle": (lambda x: F.channel_shuffle(x, 4), ["pick_channels"]),
    "part of a shuffle": (lambda x: _shuffle(x[:, 2:]), ["pick_channels"]),
    "index": (lambda x: x[:, [2, 1, 0]], ["pick_channels"] * 3 + ["concat"] * 2),
    "roll": (lambda x: x.roll(3, 1), ["pick_channels"] * 2 + ["concat"]),
    "every second": (lambda x: x[:, ::2], ["pick_channels"] * 4 + ["concat"] * 3),
    "pixels": (lambda x: x[:, :, ::2, ::3], ["max_pool2d"]),
    "pixels of a part": (lambda x: x[:, 4:, ::2, ::2], ["max_pool2d", "pick_channels"]),
    "twice there and back": (lambda x: _shuffle(x.permute(0, 2, 3, 1).permute(0, 3, 1, 2)).view(-1, 4, 2, 6, 6)
                             .swapaxes(1, 2).flatten(1, 2), []),
    "flatten and back": (lambda x: x.flatten(1).unflatten(1, (C, SIDE, SIDE)), []),
    "reshape by sizes": (lambda x: x.reshape(x.shape[0], -1).view(x.shape[0], C, SIDE, SIDE), []),
    "halves swapped": (lambda x: torch.cat(x.chunk(2, 1)[::-1], 1), ["pick_channels"] * 2 + ["concat"]),
}  # fmt: skip


@pytest.mark.parametrize("name", MOVES)
def test_moves_become_few_nodes_and_equal_torch(name: str) -> None:
    move, ops = MOVES[name]
    model = Moved(move)
    graph = to_graph(model, torch.zeros(1, C, SIDE, SIDE), input_dtype="f32")
    assert sorted(node.op for node in graph.nodes) == sorted(["input", "relu", "relu", *ops])
    x = torch.randn(3, C, SIDE, SIDE, generator=torch.Generator().manual_seed(0))
    want = model(x).permute(0, 2, 3, 1).numpy()
    for backend in ("engine", "reference"):
        assert np.array_equal(Session(graph, backend=backend)(x.permute(0, 2, 3, 1).contiguous().numpy()), want)


FLATTENS: dict[str, Callable[[Tensor], Tensor]] = {
    "flatten": lambda x: x.flatten(1),
    "channels last": lambda x: x.permute(0, 2, 3, 1).flatten(1),
    "rows turned": lambda x: x.transpose(2, 3).reshape(x.shape[0], -1),
    "a part": lambda x: x.flatten(1)[:, 36:180],
    "a part of the last channels": lambda x: x.flatten(1)[:, 250:],
    "pixels reversed": lambda x: x.flip(2).flatten(1).roll(7, 1),
}


@pytest.mark.parametrize("name", FLATTENS)
def test_flat_features_may_come_in_any_order(name: str) -> None:
    class Flat(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.stem, self.norm = nn.Conv2d(1, C, 3), nn.BatchNorm2d(C)
            width = FLATTENS[name](torch.zeros(1, C, SIDE, SIDE)).shape[1]
            self.norm1d, self.hidden, self.scores = nn.BatchNorm1d(width), BinaryLinear(width, 9), nn.Linear(9, 4)

        def forward(self, x: Tensor) -> Tensor:
            return self.scores(self.hidden(self.norm1d(FLATTENS[name](self.norm(self.stem(x))))))

    torch.manual_seed(0)
    images = np.random.default_rng(0).integers(0, 256, (20, SIDE + 2, SIDE + 2, 1)).astype(np.float32)
    model = made_up_(Flat(), images)
    report = verify(model, to_graph(model, torch.zeros(1, 1, SIDE + 2, SIDE + 2)), images)
    assert report.ok, report.first_difference
    assert not any(row.different for row in report.layers)


def test_a_shuffled_net_stays_packed() -> None:
    """ShuffleNet's unit in binary: half of the channels pass, half are convolved, all are shuffled; no floats."""

    class Unit(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.stem, self.norm = BinaryConv2d(1, C, 3), nn.BatchNorm2d(C)
            self.conv, self.inner = BinaryConv2d(C // 2, C // 2, 3, padding=1), nn.BatchNorm2d(C // 2)
            self.last = BinaryConv2d(C, 4, SIDE)

        def forward(self, x: Tensor) -> Tensor:
            kept, moved = self.norm(self.stem(x)).chunk(2, 1)
            joined = torch.cat([kept, self.inner(self.conv(moved))], 1)
            return self.last(F.channel_shuffle(joined, 2)).flatten(1)

    torch.manual_seed(0)
    images = np.random.default_rng(0).normal(size=(20, SIDE + 2, SIDE + 2, 1)).astype(np.float32)
    model = made_up_(Unit(), images)
    graph = to_graph(model, torch.zeros(1, 1, SIDE + 2, SIDE + 2))
    between = [node.op for node in graph.nodes[1:-1]]
    assert "affine" not in between and between.count("threshold") == 2 and between.count("sign") == 1, between
    report = verify(model, graph, images)
    assert report.ok, report.first_difference


class _Sum(nn.Module):
    def __init__(self, move: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.inner = Moved(move)

    def forward(self, x: Tensor) -> Tensor:
        return self.inner(x)


@pytest.mark.parametrize(
    ("move", "why"),
    [
        (lambda x: x.flip(0), "mixes pictures of a batch"),
        (lambda x: x.flip(2), "every s-th from the first on"),
        (lambda x: x[:, :, 1:], "every s-th from the first on"),
        (lambda x: x.transpose(2, 3), "moves channels into pixels, or pixels"),
        (lambda x: F.pixel_shuffle(x, 2), "moves channels into pixels"),
        (lambda x: x.view(-1, 2, C // 2, SIDE, SIDE), "only vectors and pictures"),
        (lambda x: x.flatten(1).view(-1, 2, 144), "only vectors and pictures"),
    ],
    ids=["batch", "flip", "crop", "transpose", "pixel_shuffle", "five axes", "two axes"],
)
def test_a_refusal_names_module_operator_line_and_cure(move: Callable[[Tensor], Tensor], why: str) -> None:
    with pytest.raises(UnsupportedError) as refused:
        to_graph(_Sum(move), torch.zeros(1, C, SIDE, SIDE), input_dtype="f32")
    text = str(refused.value)
    assert "[export] inner: aten." in text and why in text and "hint: " in text
    assert "test_views.py" in text and "line " in text
