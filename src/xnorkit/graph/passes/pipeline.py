"""THE PASS TABLE: what happens to a lowered graph before it is stored, in order.

Every pass keeps the meaning of all outputs: integers and bits equal, floats equal too (no pass reassociates).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from ..ir import Graph
from ..verify import verify
from .chain import Evaluate
from .cleanup import drop_dead, drop_identities
from .codes import codes_to_thresholds
from .early_signs import signs_before_pools
from .thresholds import signs_to_thresholds

Pass = Callable[[Graph, Mapping[str, Evaluate]], Graph]

PASSES: dict[str, Pass] = {
    "drop_identities": lambda graph, exact: drop_identities(graph),
    "signs_to_thresholds": signs_to_thresholds,
    "codes_to_thresholds": codes_to_thresholds,
    "signs_before_pools": lambda graph, exact: signs_before_pools(graph),
    "drop_dead": lambda graph, exact: drop_dead(graph),
}
"""Name -> pass, in the order they run."""


def run_passes(graph: Graph, exact: Mapping[str, Evaluate] | None = None) -> Graph:
    """All passes in table order; the result is verified. ``exact`` as in ``signs_to_thresholds``."""
    for run in PASSES.values():
        graph = run(graph, exact or {})
    verify(graph)
    return graph
