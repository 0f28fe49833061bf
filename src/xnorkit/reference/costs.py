"""What an answer costs, and how that changes with the answer: C and dC/da, in float64.

=============  ============================================  ====================  ==================================
cost           C of one example                              dC/da_j               with sigmoid outputs, delta = dC/dz
=============  ============================================  ====================  ==================================
quadratic      1/2 sum_j (a_j - y_j)^2                       a_j - y_j             (a_j - y_j) a_j (1 - a_j)
cross_entropy  -sum_j y_j ln a_j + (1 - y_j) ln(1 - a_j)     (a_j - y_j) /         a_j - y_j: a saturated output that
                                                             (a_j (1 - a_j))       is wrong still learns
=============  ============================================  ====================  ==================================

The cost of a batch is the mean over its examples, so the quadratic one is 1/(2N) sum |y - a|^2 (Nielsen, 2015, ch. 2
and 3). Cross entropy reads its value and its delta from z, where neither overflows; outputs are sigmoids then.

>>> z, y = np.array([[0.0, 800.0]]), np.array([[1.0, 0.0]])
>>> COSTS["cross_entropy"].value(z, 1 / (1 + np.exp(-z)), y).round(3).tolist()
[800.693]
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


@dataclass(frozen=True)
class Cost:
    """A row. value(z, a, y): C of each example ``(N,)``; gradient(a, y): dC/da, or None where only dC/dz is finite.

    delta(a, y): dC/dz behind sigmoid outputs, for a cost without ``gradient``. z, a, y are ``(N, outputs)``.
    """

    value: Callable[[Array, Array, Array], Array]
    gradient: Callable[[Array, Array], Array] | None = None
    delta: Callable[[Array, Array], Array] | None = None


COSTS: dict[str, Cost] = {
    "quadratic": Cost(
        value=lambda z, a, y: np.asarray(((a - y) ** 2).sum(axis=-1) / 2),
        gradient=lambda a, y: a - y,
    ),
    # -y ln s(z) - (1 - y) ln(1 - s(z)) = ln(1 + e^z) - y z
    "cross_entropy": Cost(
        value=lambda z, a, y: np.asarray((np.logaddexp(0, z) - y * z).sum(axis=-1)),
        delta=lambda a, y: a - y,
    ),
}
