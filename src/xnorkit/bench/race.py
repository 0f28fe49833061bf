"""A fair race: all systems in one run, in shuffled order, round after round; every answer is checked before.

A round takes each system in turn: one call to bring its data back into the caches, then the best of three more (a call
longer than 20 ms counts by itself: its data does not stay in the caches anyway). Medians and minima are over the
rounds. On a busy machine long calls are interrupted more often than short ones: the ratio of minima is the fairer one.

>>> found = alternate({"a": lambda: 2.0, "b": lambda: 3.0}, rounds=2)
>>> found["a"], found["b"]
([2.0, 2.0], [3.0, 3.0])
"""

from __future__ import annotations

import random
import statistics
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from ..errors import XnorkitError
from .case import Case
from .peers.contract import Kind, Peer, Runner
from .works import Work

WARM_CALLS = 3
LONG_SECONDS = 0.02
MIN_ROUNDS = 25
"""Rounds of a run whose figures are published."""

Tick = Callable[[], object]


@dataclass(frozen=True)
class Row:
    """One system on one work. The figures are None where the answer is not ``verified``; ``error`` says why."""

    work: str
    system: str
    kind: Kind
    threads: int
    median_ms: float | None
    min_ms: float | None
    gmacs: float | None
    verified: bool
    error: str = ""

    def as_json(self) -> dict[str, Any]:
        """The fields; ``error`` only where there is one."""
        fields = asdict(self)
        if not self.error:
            del fields["error"]
        return fields


def clocked(call: Callable[[], object]) -> float:
    """Wall seconds of one call."""
    begun = time.perf_counter()
    call()
    return time.perf_counter() - begun


def alternate(
    clocks: Mapping[str, Callable[[], float]], *, rounds: int, seed: int = 0, tick: Tick | None = None
) -> dict[str, list[float]]:
    """Name -> seconds of each round. ``clocks`` run once and return their seconds; ``tick`` is called every round."""
    shuffler, order = random.Random(seed), list(clocks)
    found: dict[str, list[float]] = {name: [] for name in clocks}
    for _ in range(rounds):
        shuffler.shuffle(order)
        for name in order:
            first = clocks[name]()
            long = first > LONG_SECONDS
            found[name].append(first if long else min(clocks[name]() for _ in range(WARM_CALLS)))
        if tick is not None:
            tick()
    return found


def race(
    work: Work, peers: Iterable[Peer], *, rounds: int = MIN_ROUNDS, threads: int = 1, seed: int = 0,
    tick: Tick | None = None,
) -> list[Row]:  # fmt: skip
    """Rows of the installed peers that take part in ``work``, in the table's order.

    A peer that cannot be prepared, fails or answers wrongly gets a row with ``verified`` false and is not timed.
    """
    case, peers = Case(work, seed), tuple(peers)
    rows: dict[str, Row] = {}
    runners: dict[str, Runner] = {}
    counts = {peer.system: peer.threads or threads for peer in peers}
    entrants = [peer for peer in peers if peer.installed and peer.works(work)]
    for peer in entrants:
        try:
            runner = peer.prepare(case, counts[peer.system])
            runner.check(case)
            runner.seconds()
        except Exception as error:  # another project's code may raise anything; the row reports it
            rows[peer.system] = Row(
                work.name, peer.system, peer.kind, counts[peer.system], None, None, None, False, _said(error)
            )
        else:
            runners[peer.system] = runner
    times = alternate({name: r.seconds for name, r in runners.items()}, rounds=rounds, seed=seed, tick=tick)
    for peer in entrants:
        if peer.system in times:
            seconds = times[peer.system]
            best, speed = min(seconds), work.multiply_adds / min(seconds) / 1e9
            median = statistics.median(seconds)
            rows[peer.system] = Row(
                work.name, peer.system, peer.kind, counts[peer.system], median * 1e3, best * 1e3, speed, True
            )
    return [rows[peer.system] for peer in entrants]


def _said(error: Exception) -> str:
    text = str(error) if isinstance(error, XnorkitError) else f"{type(error).__name__}: {error}"
    return text.splitlines()[0] if text else type(error).__name__
