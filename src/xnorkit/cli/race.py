"""Timing several ways to compute the same thing: in turns, so that all meet the same disturbances; medians count."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping

Call = Callable[[], object]


def race(calls: Mapping[str, Call], *, seconds: float = 2.0, rounds: int = 10) -> dict[str, float]:
    """Name -> median seconds of one call, over ``rounds`` turns; each contestant runs about ``seconds`` in all.

    Every contestant is called three times first (caches, lazy set-up).

    >>> sorted(race({"a": lambda: None, "b": lambda: sum(range(100))}, seconds=0.01))
    ['a', 'b']
    """
    counts = {}
    for name, call in calls.items():
        for _ in range(3):
            begun = time.perf_counter()
            call()
            once = time.perf_counter() - begun
        counts[name] = max(1, int(seconds / rounds / max(once, 1e-9)))
    times: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(rounds):
        for name, call in calls.items():
            begun = time.perf_counter()
            for _ in range(counts[name]):
                call()
            times[name].append((time.perf_counter() - begun) / counts[name])
    return {name: statistics.median(found) for name, found in times.items()}
