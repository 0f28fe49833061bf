"""Milliseconds of each scheme's packed file, one thread, batch 1; the files take turns: noise hits all alike."""

from __future__ import annotations

import hashlib
import json
import statistics
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from ..bench.model import inputs
from ..bench.race import MIN_ROUNDS, alternate, clocked
from ..bench.report import cpu_name
from ..graph import store
from ..runtime.cpu import isa
from ..runtime.session import Session
from ..train.files import write_file
from .packing import packs
from .plan import Run, packed_file

FILE = "latency.json"


def clock(folder: Path, runs: Sequence[Run], *, rounds: int = MIN_ROUNDS) -> None:
    """Time the first packed run of each scheme, and write ``latency.json``; nothing to do when it is of these files."""
    chosen: dict[str, Run] = {}
    for run in runs:
        if packs(folder, run) and packed_file(folder, run).is_file():
            chosen.setdefault(run.key, run)
    of = {key: _mark(folder, run) for key, run in chosen.items()}
    if not chosen or found_latency(folder).get("of") == of:
        return
    clocks = {}
    for key, run in chosen.items():
        session = Session(store.load(packed_file(folder, run)), threads=1)
        clocks[key] = partial(clocked, partial(session, inputs(session.graph, 1), threads=1))
    times = alternate(clocks, rounds=rounds)
    rows = {key: {"run": chosen[key].name, "median_ms": 1e3 * statistics.median(seconds),
                  "min_ms": 1e3 * min(seconds)} for key, seconds in times.items()}  # fmt: skip
    found = {"cpu": cpu_name(), "isa": isa(), "threads": 1, "batch": 1, "rounds": rounds, "of": of, "rows": rows}
    write_file(folder / FILE, json.dumps(found, indent=2).encode())


def found_latency(folder: Path) -> dict[str, Any]:
    """What `clock` wrote; empty when it has not run."""
    path = folder / FILE
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}


def _mark(folder: Path, run: Run) -> str:
    """The run and its packed file: other ones are timed anew."""
    digest = hashlib.sha256(packed_file(folder, run).read_bytes()).hexdigest()
    return f"{run.name} {digest}"
