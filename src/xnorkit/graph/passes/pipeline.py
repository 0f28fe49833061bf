"""THE PASS TABLE: what happens to a lowered graph before it is stored, in order.

Every pass keeps the meaning of all outputs: integers and bits equal, floats equal too (no pass reassociates).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from ..ir import Graph
from ..verify import verify
from .chain import Evaluate
from .cleanup import drop_dead, drop_identities, merge_signs
from .codes import codes_to_thresholds
from .early_signs import signs_before_pools
from .joins import signs_before_joins
from .thresholds import signs_to_thresholds

Expressions = Mapping[str, Evaluate]
Pass = Callable[[Graph, Expressions], tuple[Graph, Expressions]]


def _alone(run: Callable[[Graph], Graph]) -> Pass:
    return lambda graph, exact: (run(graph), exact)


def _reads(run: Callable[[Graph, Expressions], Graph]) -> Pass:
    return lambda graph, exact: (run(graph, exact), exact)


PASSES: dict[str, Pass] = {
    "drop_identities": _alone(drop_identities),
    "signs_before_joins": signs_before_joins,
    "merge_signs": _alone(merge_signs),
    "drop_joins": _alone(drop_dead),
    "signs_to_thresholds": _reads(signs_to_thresholds),
    "codes_to_thresholds": _reads(codes_to_thresholds),
    "signs_before_pools": _alone(signs_before_pools),
    "drop_dead": _alone(drop_dead),
}
"""Name -> pass, in the order they run: graph and training expressions to both."""


def run_passes(graph: Graph, exact: Mapping[str, Evaluate] | None = None) -> Graph:
    """All passes in table order; the result is verified. ``exact`` as in ``signs_to_thresholds``. Coded weights
    come out as numbers."""
    expressions: Expressions = exact or {}
    graph = graph.decoded()
    for run in PASSES.values():
        graph, expressions = run(graph, expressions)
    verify(graph)
    return graph
