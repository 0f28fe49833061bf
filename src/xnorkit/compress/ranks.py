"""Which rank each layer gets: by energy, or what a budget of numbers over all layers leaves it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from torch import Tensor

from ..errors import RangeError
from . import lowrank
from .forms import Form, Ranks

LEVELS = (0.999, 0.995, 0.99, 0.98, 0.97, 0.95, 0.925, *(level / 100 for level in range(90, 0, -5)))
"""Energies tried where a budget is divided."""


@dataclass(frozen=True)
class Cut:
    """One way to factor a layer. ranks: () leaves it alone. numbers: of its factors. energy: share of the squared
    singular values that they hold."""

    ranks: Ranks
    numbers: int
    energy: float


def cuts(weight: Tensor, form: Form, energies: Sequence[float] = LEVELS) -> list[Cut]:
    """The layer as it is, then a cut for each energy (falling) that has fewer numbers than the one before it."""
    found, spectra = [Cut((), weight.numel(), 1.0)], form.spectra(weight)
    for energy in energies:
        ranks = tuple(lowrank.rank_by_energy(spectrum, energy) for spectrum in spectra)
        if (numbers := form.numbers(weight, ranks)) < found[-1].numbers:
            found.append(Cut(ranks, numbers, energy))
    return found


def lost_energy(_: str, cut: Cut) -> float:
    """The price of a cut where none is measured."""
    return 1 - cut.energy


def within(steps: Mapping[str, Sequence[Cut]], keep: float,
           price: Callable[[str, Cut], float] = lost_energy) -> dict[str, Cut]:  # fmt: skip
    """A cut for each layer, so that all have no more than ``keep`` of the layers' numbers.

    Greedy: from the layers as they are, always the cut that costs least a number saved. price: of (layer, cut), in any
    unit that adds up. Raises RangeError where the smallest cuts are over the budget.

    >>> fine, coarse = Cut((2,), 60, 0.9), Cut((1,), 30, 0.5)
    >>> chosen = within({"a": [Cut((), 100, 1.0), fine, coarse], "b": [fine]}, 0.8)
    >>> [cut.numbers for cut in chosen.values()]
    [60, 60]
    """
    prices = {layer: [price(layer, cut) for cut in cuts] for layer, cuts in steps.items()}
    at = dict.fromkeys(steps, 0)
    whole = sum(cuts[0].numbers for cuts in steps.values())
    budget = keep * whole
    while sum(steps[layer][i].numbers for layer, i in at.items()) > budget:
        moves = [((prices[layer][j] - prices[layer][i]) / (steps[layer][i].numbers - steps[layer][j].numbers), layer, j)
                 for layer, i in at.items() for j in range(i + 1, len(steps[layer]))]  # fmt: skip
        if not moves:
            least = sum(steps[layer][i].numbers for layer, i in at.items()) / whole
            raise RangeError("lowrank", "share kept", got=keep, expected=f"at least {least:.4f}, where every rank is 1")
        _, layer, at_most = min(moves)
        at[layer] = at_most
    return {layer: steps[layer][i] for layer, i in at.items()}
