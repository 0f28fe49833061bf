"""Random nets as a user may write them: branches, joins, pools, strides, paddings, any scheme's layers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from random import Random

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from xnorkit.models.maker import LayerMaker
from xnorkit.nn import BinaryConv2d, RPReLU
from xnorkit.nn.schemes import SCHEMES, find_scheme

SIDES, CHANNELS, STEPS = (6, 9, 12), (1, 2, 3), (2, 6)
WIDTHS = (3, 8, 16)
CLASSES = 4


@dataclass(frozen=True)
class Step:
    """``values[out] = run(*values[inputs])``; the module's name where it is one."""

    inputs: tuple[int, ...]
    run: str | Callable[..., Tensor]


class RandomNet(nn.Module):
    """``scheme``'s first layer, then 2 to 6 steps on values made so far; scores of the newest and of one other."""

    def __init__(self, rng: Random, schemes: tuple[str, ...] = tuple(SCHEMES)) -> None:
        super().__init__()
        self.scheme = rng.choice(schemes)
        self.make = LayerMaker(find_scheme(self.scheme))
        self.in_chans, self.side = rng.choice(CHANNELS), rng.choice(SIDES)
        self.parts, self.steps = nn.ModuleDict(), list[Step]()
        self.shapes = [(self.in_chans, self.side)]
        out = rng.choice(WIDTHS)
        first = nn.Sequential(
            self.make.pixels(self.in_chans, 0.4, 0.3), self.make.first_conv(self.in_chans, out, 3, padding=1)
        )
        self._add(nn.Sequential(*first, self.make.norm(out)), (0,), (out, self.side))
        for _ in range(rng.randint(*STEPS)):
            kinds = (self._conv, self._conv, self._conv, self._pool, self._join, self._float, self._nonlinearity)
            rng.choice((*kinds, self._part))(rng)
        self._head(rng)

    def _add(self, run: nn.Module | Callable[..., Tensor], inputs: tuple[int, ...], shape: tuple[int, int]) -> None:
        name: str | Callable[..., Tensor] = run if not isinstance(run, nn.Module) else f"step{len(self.steps)}"
        if isinstance(run, nn.Module):
            self.parts[str(name)] = run
        self.steps.append(Step(inputs, name))
        self.shapes.append(shape)

    def _any(self, rng: Random) -> int:
        """A value made by a step; the newest half of the time, so that nets grow deep as well as wide."""
        return len(self.shapes) - 1 if rng.random() < 0.5 else rng.randrange(1, len(self.shapes))

    def _conv(self, rng: Random) -> None:
        """A layer of the scheme with its batch norm, before or behind; of odd kernels, paddings, strides."""
        at = self._any(rng)
        (channels, side), out, kernel = self.shapes[at], rng.choice(WIDTHS), rng.choice((1, 3))
        padding, stride = rng.choice((0, kernel // 2, 1)), rng.choice((1, 1, 2))
        after = (side + 2 * padding - kernel) // stride + 1
        if after < 1:
            return
        conv = self.make.hidden_conv(channels, out, kernel, padding=padding, stride=stride, bias=rng.random() < 0.3)
        if isinstance(conv, BinaryConv2d) and rng.random() < 0.3 and not conv.kmap:
            conv.pad_value = rng.choice((-1, 0, 1))
        order = [self.make.norm(channels), conv] if rng.random() < 0.5 else [conv, self.make.norm(out)]
        self._add(nn.Sequential(*order, self.make.nonlinearity(out)), (at,), (out, after))

    def _float(self, rng: Random) -> None:
        at = self._any(rng)
        (channels, side), stride = self.shapes[at], rng.choice((1, 2))
        conv = nn.Conv2d(channels, 2 * channels, 3, padding=1, stride=stride, groups=rng.choice((1, channels)))
        self._add(nn.Sequential(conv, nn.BatchNorm2d(2 * channels)), (at,), (2 * channels, (side - 1) // stride + 1))

    def _pool(self, rng: Random) -> None:
        at = self._any(rng)
        channels, side = self.shapes[at]
        pools = (
            nn.MaxPool2d(2),
            nn.MaxPool2d(3, 2, 1),
            nn.MaxPool2d(2, ceil_mode=True),
            nn.AvgPool2d(2),
            nn.AvgPool2d(3, 1),
        )
        pool = rng.choice(pools)
        if side >= 4:
            after = pool(torch.zeros(1, 1, side, side)).shape[-1]
            self._add(pool, (at,), (channels, after))

    def _nonlinearity(self, rng: Random) -> None:
        at = self._any(rng)
        channels, side = self.shapes[at]
        made = rng.choice((nn.ReLU(), nn.PReLU(channels), nn.Hardtanh(), RPReLU(channels), nn.PReLU()))
        self._add(made, (at,), (channels, side))

    def _part(self, rng: Random) -> None:
        """Some channels, or all in another order."""
        at = self._any(rng)
        channels, side = self.shapes[at]
        begin = rng.randrange(channels)
        count = rng.randint(1, channels - begin)
        groups = rng.choice([g for g in range(1, channels + 1) if channels % g == 0])
        if rng.random() < 0.5:
            self._add(lambda x: x[:, begin : begin + count], (at,), (count, side))
        else:
            self._add(lambda x: F.channel_shuffle(x, groups), (at,), (channels, side))

    def _join(self, rng: Random) -> None:
        """A sum of equals, or values side by side."""
        at = self._any(rng)
        channels, side = self.shapes[at]
        same = [i for i, shape in enumerate(self.shapes) if i and shape[1] == side]
        other = rng.choice(same)
        if self.shapes[other] == (channels, side) and rng.random() < 0.7:
            self._add(torch.add, (at, other), (channels, side))
        else:
            self._add(_beside, (at, other), (channels + self.shapes[other][0], side))

    def _head(self, rng: Random) -> None:
        """Scores of the newest value and of one other, so that branches are read."""
        newest, other = len(self.shapes) - 1, rng.randrange(1, len(self.shapes))
        self.heads = (newest, other)
        (channels, side), (rest, _) = self.shapes[newest], self.shapes[other]
        self.flat = rng.random() < 0.5
        features = channels * side * side if self.flat else channels
        self.hidden = self.make.hidden_linear(features, 12)
        self.norm = self.make.norm1d(12)
        self.scores = nn.Linear(12 + rest, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        values = [x]
        for step in self.steps:
            run = self.parts[step.run] if isinstance(step.run, str) else step.run
            values.append(run(*(values[i] for i in step.inputs)))
        newest, other = (values[i] for i in self.heads)
        flat = newest.flatten(1) if self.flat else newest.mean((2, 3))
        return self.scores(torch.cat([self.norm(self.hidden(flat)), F.adaptive_avg_pool2d(other, 1).flatten(1)], 1))


def _beside(a: Tensor, b: Tensor) -> Tensor:
    return torch.cat([a, b], 1)
