"""THE OPTIMIZER TABLE: one row an update rule, by the name a recipe gives it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from torch import optim

from xnorkit.train.optim.bop import Bop
from xnorkit.train.optim.shift_adamax import ShiftAdaMax
from xnorkit.train.options import OptimOptions

Groups = list[dict[str, Any]]


@dataclass(frozen=True)
class Rule:
    """A row.

    build: (parameter groups, options) -> optimizer; each group carries its own ``lr``, ``weight_decay``, ``scale``.
    latent_free: it keeps weights at -1/+1: for the weights of binary layers only (``optim.binary.name``).
    decays: it takes ``weight_decay``. scales: it multiplies its step by the group's ``scale`` itself; of the others the
        ``lr`` is multiplied, which is the same where the step is linear in it.
    """

    name: str
    about: str
    build: Callable[[Groups, OptimOptions], optim.Optimizer]
    latent_free: bool = False
    decays: bool = True
    scales: bool = False


def _betas(o: OptimOptions) -> tuple[float, float]:
    return o.betas[0], o.betas[1]


OPTIMIZERS: dict[str, Rule] = {
    row.name: row
    for row in (
        Rule("sgd", "stochastic gradient descent with momentum",
             lambda groups, o: optim.SGD(groups, momentum=o.momentum, nesterov=o.nesterov)),
        Rule("adam", "Adam (Kingma and Ba 2015)",
             lambda groups, o: optim.Adam(groups, betas=_betas(o), eps=o.eps)),
        Rule("adamw", "Adam with decoupled decay (Loshchilov and Hutter 2019)",
             lambda groups, o: optim.AdamW(groups, betas=_betas(o), eps=o.eps)),
        Rule("shift_adamax", "AdaMax by shifts (BNN, algorithm 4)",
             lambda groups, o: ShiftAdaMax(groups, betas=_betas(o), eps=o.eps, form=o.form), decays=False, scales=True),
        Rule("bop", "flips -1/+1 weights by a threshold on the momentum (Helwegen et al. 2019)",
             lambda groups, o: Bop(groups, threshold=o.binary.threshold), latent_free=True, decays=False),
        Rule("bop2", "Bop, the momentum over its root mean square (Suarez-Ramirez et al. 2021)",
             lambda groups, o: Bop(groups, threshold=o.binary.threshold, sigma=o.binary.sigma, eps=o.eps),
             latent_free=True, decays=False),
    )
}  # fmt: skip
