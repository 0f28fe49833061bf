"""Learning-rate schedules: pure functions of the step, so that a resumed run needs no state to continue one."""

from __future__ import annotations

import math
from collections.abc import Callable

from xnorkit.train.options import ScheduleOptions

SHAPES: dict[str, Callable[[ScheduleOptions, float, float, int], float]] = {
    "constant": lambda o, epoch, done, epochs: 1.0,
    "step": lambda o, epoch, done, epochs: _stepped(o, epoch),
    "cosine": lambda o, epoch, done, epochs: o.floor + (1 - o.floor) * (1 + math.cos(math.pi * done)) / 2,
    "linear": lambda o, epoch, done, epochs: 1 - (1 - o.floor) * done,
    "poly": lambda o, epoch, done, epochs: o.floor + (1 - o.floor) * (1 - done) ** o.power,
    "exponential": lambda o, epoch, done, epochs: o.floor ** (math.floor(epoch - o.warmup) / (epochs - o.warmup)),
}
"""Name -> factor(options, epoch as a fraction, share 0..1 of the steps after warm-up that are done, epochs of the run).

linear is Bi-Real's and ReActNet's (theirs falls once an epoch, this one at each step). step with ``every``: BNN's Torch
code halves the rate every 20 or 50 epochs. exponential is BinaryConnect's and BNN's: after each epoch the rate is
multiplied by (end / start)^(1 / epochs)."""


def _stepped(options: ScheduleOptions, epoch: float) -> float:
    """gamma, or its own factor, for each milestone behind, and gamma for each ``every`` epochs that are over.

    >>> _stepped(ScheduleOptions(name="step", milestones=(2, 4), factors=(0.5, 0.25)), 5)
    0.125
    """
    own = options.factors or (options.gamma,) * len(options.milestones)
    passed = math.prod(gamma for gamma, milestone in zip(own, options.milestones, strict=True) if epoch >= milestone)
    return passed * options.gamma ** (math.floor(epoch / options.every) if options.every else 0)


def factor(options: ScheduleOptions, step: int, steps_per_epoch: int, epochs: int) -> float:
    """What ``optim.lr`` is multiplied by at ``step`` (0-based, over the whole run).

    With w = warmup * steps_per_epoch: (step + 1) / w while step < w, so that the first step already moves; after
    that the shape, with done = (step - w) / (total - w).

    >>> [round(factor(ScheduleOptions(name="linear", warmup=1), s, 2, 3), 3) for s in range(6)]
    [0.5, 1.0, 1.0, 0.75, 0.5, 0.25]
    """
    rising = options.warmup * steps_per_epoch
    if step < rising:
        return min(1.0, (step + 1) / rising)
    done = (step - rising) / (epochs * steps_per_epoch - rising)
    return SHAPES[options.name](options, step / steps_per_epoch, done, epochs)
