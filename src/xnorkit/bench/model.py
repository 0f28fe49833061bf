"""A packed model's figures: load time, memory, latency at batch 1, throughput by batch and threads, time by layer."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..graph import store
from ..graph.ir import Graph
from ..runtime.session import Session
from .memory import measured
from .peak import peak_of
from .race import Tick, alternate, clocked

Array = NDArray[Any]
BATCHES = (1, 8, 32, 128)
LOADS = 5
CALLS = (4, 40)
"""Latency calls of one round: as many as fit into ROUND_SECONDS, within these."""
ROUND_SECONDS = 0.2
PERCENTILES = (50, 90, 99)


def inputs(graph: Graph, batch: int, seed: int = 0) -> dict[str, Array]:
    """Random pixels or standard normal floats for every input of a graph."""
    rng = np.random.default_rng(seed)
    found: dict[str, Array] = {}
    for node in (node for node in graph.nodes if node.op == "input"):
        shape = (batch, *node.attrs["shape"])
        is_pixels = node.attrs["dtype"] == "u8"
        found[node.name] = rng.integers(0, 256, shape, np.uint8) if is_pixels else _normal(rng, shape)
    return found


def _normal(rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    return rng.standard_normal(shape, np.float32)


def load_times(path: Path) -> dict[str, float]:
    """Milliseconds to open the file (mapped and validated, tensors not parsed) and to pack it for this CPU; best of
    ``LOADS``."""
    opened, packed = [], []
    for _ in range(LOADS):
        begun = time.perf_counter()
        graph = store.load(path)
        middle = time.perf_counter()
        Session(graph)
        opened.append(middle - begun)
        packed.append(time.perf_counter() - middle)
    return {"open_ms": min(opened) * 1e3, "pack_ms": min(packed) * 1e3}


def memory(path: Path, session: Session) -> dict[str, int]:
    """Bytes: the file; the engine's own count (weights as packed, arena of one image and the least any plan needs for
    its live values, one run in all); what a fresh process grows by when it loads the file and runs it once."""
    program = session.program
    counts = {
        "file_bytes": path.stat().st_size,
        "weight_bytes": program.weight_bytes,
        "arena_bytes": program.arena_bytes,
        "live_bytes": program.live_bytes,
        "run_bytes": program.run_bytes(1, session.threads),
    }
    return counts | measured(path)


@dataclass(frozen=True)
class Latency:
    """Milliseconds of single calls, Python included."""

    threads: int
    calls: int
    min: float
    p50: float
    p90: float
    p99: float


def latencies(session: Session, threads: Sequence[int], *, rounds: int, tick: Tick | None = None) -> list[Latency]:
    """Batch 1, a row for each number of threads; they take turns, round after round."""
    x = inputs(session.graph, 1)
    once = clocked(partial(session, x, threads=threads[0]))
    calls = int(np.clip(ROUND_SECONDS / max(once, 1e-9), *CALLS))
    found: dict[int, list[float]] = {count: [] for count in threads}
    for _ in range(rounds):
        for count in threads:
            session(x, threads=count)
            found[count] += [clocked(partial(session, x, threads=count)) * 1e3 for _ in range(calls)]
        if tick is not None:
            tick()
    return [
        Latency(count, len(ms), min(ms), *(float(p) for p in np.percentile(ms, PERCENTILES)))
        for count, ms in found.items()
    ]


@dataclass(frozen=True)
class Throughput:
    """Images a second at the median and at the best round."""

    batch: int
    threads: int
    median: float
    best: float


def throughputs(
    session: Session, threads: Sequence[int], batches: Sequence[int] = BATCHES, *, rounds: int, tick: Tick | None = None
) -> list[Throughput]:
    """A row for each batch and number of threads; all take turns."""
    clocks: dict[str, Callable[[], float]] = {}
    keys: dict[str, tuple[int, int]] = {}
    for batch in batches:
        x = inputs(session.graph, batch)
        for count in threads:
            keys[f"{batch} {count}"] = batch, count
            clocks[f"{batch} {count}"] = partial(clocked, partial(session, x, threads=count))
    times = alternate(clocks, rounds=rounds, tick=tick)
    return [
        Throughput(batch, count, batch / statistics.median(times[key]), batch / min(times[key]))
        for key, (batch, count) in keys.items()
    ]


@dataclass(frozen=True)
class StepRow:
    """One step of the program at batch 1, one thread. ``share``: of the kernel's peak in the same run; percent: of the
    sum of medians."""

    name: str
    op: str
    kernel: str
    median_ms: float
    min_ms: float
    percent: float
    multiply_adds: int
    gmacs: float | None
    share: float | None
    packed_bytes: int


def steps(session: Session, *, rounds: int, tick: Tick | None = None) -> list[StepRow]:
    """Medians over ``rounds`` profiled runs; the peaks of the kernels in use are measured between them."""
    x = inputs(session.graph, 1)
    peaks = {step["kernel"]: peak_of(step["kernel"]) for step in session.program.steps}
    clocks = {peak.name: peak.seconds for peak in peaks.values() if peak is not None}
    spent: list[list[float]] = []
    best_peak: dict[str, float] = {}
    session.profile(x, threads=1)
    for _ in range(rounds):
        spent.append([row.seconds for row in session.profile(x, threads=1).rows])
        for name, clock in clocks.items():
            best_peak[name] = min(best_peak.get(name, float("inf")), clock())
        if tick is not None:
            tick()
    medians, minima = np.median(spent, axis=0), np.min(spent, axis=0)
    total = float(medians.sum()) or 1.0
    rows = []
    for row, step, median, best in zip(
        session.profile(x, threads=1).rows, session.program.steps, medians, minima, strict=True
    ):
        gmacs = row.multiply_adds / best / 1e9 if row.multiply_adds and best else None
        peak = peaks[row.kernel]
        share = None if gmacs is None or peak is None else gmacs / peak.gmacs(best_peak[peak.name])
        rows.append(
            StepRow(row.name, row.op, row.kernel, float(median) * 1e3, float(best) * 1e3, 100 * float(median) / total,
                    row.multiply_adds, gmacs, share, step["packed_bytes"])
        )  # fmt: skip
    return rows
