"""What a race found, as tables and JSON: ratios are of our best packed row in the same work, at median and at best."""

from __future__ import annotations

import platform
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from ..runtime.cpu import isa
from .layers import LayerRow
from .model import Latency, StepRow, Throughput
from .peers.contract import Peer
from .race import Row

COLUMNS = ["system", "kind", "median ms", "min ms", "G/s at min", "ratio", "at min", "answer"]


def is_ours(row: Row) -> bool:
    """A row of this engine."""
    return row.system.split()[0] == "xnorkit"


def our_best(rows: Iterable[Row], work: str) -> Row | None:
    """Our fastest verified row of a work on the race's threads, by its minimum; None without one."""
    ours = [row for row in rows if row.work == work and row.verified and is_ours(row) and row.min_ms is not None]
    return min(ours, key=lambda row: (row.threads, row.min_ms or 0.0), default=None)


def ratios(row: Row, base: Row | None) -> tuple[float, float] | None:
    """How many times longer ``row`` takes than ``base``, at median and at minimum; None where either has no figure.

    >>> a = Row("w", "xnorkit avx2", "binary", 1, 2.0, 1.0, 10.0, True)
    >>> ratios(Row("w", "torch", "fp32", 1, 6.0, 4.0, 2.5, True), a)
    (3.0, 4.0)
    """
    if base is None or not base.median_ms or not base.min_ms or row.median_ms is None or row.min_ms is None:
        return None
    return row.median_ms / base.median_ms, row.min_ms / base.min_ms


def table(rows: Sequence[Row], work: str) -> list[list[Any]]:
    """Cells of one work for ``COLUMNS``."""
    base, cells = our_best(rows, work), []
    for row in (row for row in rows if row.work == work):
        ratio = ratios(row, base)
        figures = ["-"] * 3 if row.min_ms is None else [_figure(row.median_ms), _figure(row.min_ms), _speed(row.gmacs)]
        shown = [f"{r:.2f}" for r in ratio] if ratio else ["-", "-"]
        cells.append([row.system, row.kind, *figures, *shown, "equal" if row.verified else f"WRONG: {row.error}"])
    return cells


LAYER_COLUMNS = ["layer", "kernel", "threads", "median ms", "min ms", "G/s at min", "of peak, %", "MACs/byte"]


def layer_table(rows: Iterable[LayerRow]) -> list[list[Any]]:
    """Cells of our own layers for ``LAYER_COLUMNS``."""
    return [
        [row.layer, row.kernel, row.threads, _figure(row.median_ms), _figure(row.min_ms), _speed(row.gmacs),
         _percent(row.share), f"{row.intensity:.1f}"]
        for row in rows
    ]  # fmt: skip


LATENCY_COLUMNS = ["threads", "min", "p50", "p90", "p99", "calls"]


def latency_table(rows: Iterable[Latency]) -> list[list[Any]]:
    """Cells for ``LATENCY_COLUMNS``, milliseconds."""
    return [[r.threads, *map(_figure, (r.min, r.p50, r.p90, r.p99)), r.calls] for r in rows]


RATE_COLUMNS = ["batch", "threads", "images/s", "at best"]


def rate_table(rows: Iterable[Throughput]) -> list[list[Any]]:
    """Cells for ``RATE_COLUMNS``."""
    return [[r.batch, r.threads, f"{r.median:,.0f}", f"{r.best:,.0f}"] for r in rows]


STEP_COLUMNS = ["step", "kernel", "median ms", "min ms", "%", "G/s at min", "of peak, %", "bytes"]


def step_table(rows: Iterable[StepRow]) -> list[list[Any]]:
    """Cells of a program's steps for ``STEP_COLUMNS``; bytes are of the packed weights."""
    return [
        [r.name, r.kernel, _figure(r.median_ms), _figure(r.min_ms), f"{r.percent:.1f}", _speed(r.gmacs),
         _percent(r.share), r.packed_bytes]
        for r in rows
    ]  # fmt: skip


def missing(peers: Iterable[Peer]) -> list[tuple[str, str]]:
    """(system, command that installs it) of the peers that are not installed."""
    return [(peer.system, peer.install) for peer in peers if not peer.installed]


def facts(peers: Iterable[Peer], rounds: int, threads: int) -> dict[str, Any]:
    """CPU, versions and settings of a run."""
    versions = {peer.system: peer.version() for peer in peers if peer.installed}
    return {"cpu": cpu_name(), "isa": isa(), "rounds": rounds, "threads": threads, "versions": versions}


def cpu_name() -> str:
    """The CPU's name as the system gives it."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def _figure(ms: float | None) -> str:
    return "-" if ms is None else f"{ms:.4f}"


def _speed(gmacs: float | None) -> str:
    return "-" if gmacs is None else f"{gmacs:.1f}"


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{100 * share:.1f}"
