"""``xnorkit bench``: our layers, everything that is installed side by side, or one packed model.

torch and the other systems are imported only to be raced, matplotlib only for ``--plot``.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import fields
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import click

from .output import Output
from .verb import verb

ROUNDS = 25
EXAMPLE = """xnorkit bench layers --plot roofline.png
xnorkit bench peers --goals --json rows.json
xnorkit bench peers --only 'conv3x3_*' --rounds 40
xnorkit bench fashion-mnist-lenet5-xnor --profile"""


@verb("bench", example=EXAMPLE)
@click.argument("what", metavar="layers|peers|FILE")
@click.option("--only", multiple=True, metavar="WORK", help="Only these works or layers: a name, * for anything.")
@click.option("--rounds", default=ROUNDS, show_default=True, type=click.IntRange(1), help="Rounds of the race.")
@click.option(
    "--threads", type=click.IntRange(1, 256), help="Threads; FILE: 1 up to these. Default 1; FILE: all cores."
)
@click.option("--seed", default=0, show_default=True, help="Of the data and of the order of turns.")
@click.option("--plot", metavar="PICTURE", help="layers: a roofline, peers: bars; PNG, SVG or PDF by its name.")
@click.option("--goals", is_flag=True, help="peers: the table of goals, measured and reached.")
@click.option("--markdown", is_flag=True, help="peers: print one Markdown table of the best of each kind, no others.")
@click.option(
    "--from", "rows_from", metavar="JSON", help="peers: show the rows of an earlier --json FILE, run nothing."
)
@click.option("--profile", is_flag=True, help="FILE: time, bytes and share of the core's peak for every step.")
def command(out: Output, what: str, only: tuple[str, ...], rounds: int, threads: int | None, seed: int,
            plot: str | None, goals: bool, markdown: bool, rows_from: str | None,
            profile: bool) -> None:  # fmt: skip
    """Time our layers, race them against what is installed, or profile a packed file.

    layers: our kernels over the standard shapes, with their share of this core's own peak. peers: the same works on
    every system that is installed; what is missing is listed with the command that installs it, nothing is installed.
    FILE, a packed file or a zoo name: latency, throughput, memory, load time. Every answer is compared with the
    reference first; all take turns in shuffled order.
    """
    _refuse_misplaced(what, {"--only": bool(only), "--plot": bool(plot)}, ("layers", "peers"))
    _refuse_misplaced(what, {"--goals": goals, "--markdown": markdown, "--from": bool(rows_from)}, ("peers",))
    if what in ("layers", "peers"):
        _refuse_misplaced(what, {"--profile": profile}, ("FILE",))
    if what == "layers":
        _layers(out, only, rounds, threads or 1, seed, plot)
    elif what == "peers":
        _peers(out, only, rounds, threads or 1, seed, plot, goals, markdown, rows_from)
    else:
        _model(out, what, rounds, threads or _cores(), profile)


def _refuse_misplaced(what: str, options: Mapping[str, bool], places: Sequence[str]) -> None:
    for option, given in options.items():
        if given and what not in places:
            raise click.UsageError(f"{option} does not go with {what}; it goes with {' and '.join(places)}")


def _layers(out: Output, only: Sequence[str], rounds: int, threads: int, seed: int, plot: str | None) -> None:
    from ..bench import report
    from ..bench.layers import LAYER_TABLE, LayerRow, measure
    from ..bench.peak import LEVELS, read_gigabytes

    facts = report.facts((), rounds, threads)
    title = _headline(out, facts)
    rows: list[LayerRow] = []
    for name in _chosen(only, LAYER_TABLE):
        with _progress(name, rounds) as tick:
            rows += measure(LAYER_TABLE[name], rounds=rounds, threads=threads, seed=seed, tick=tick)
    out.table(report.LAYER_COLUMNS, report.layer_table(rows))
    bandwidths = {where: read_gigabytes(size) for where, size in LEVELS.items()}
    out.line("reads: " + ", ".join(f"{where} {speed:.1f} GB/s" for where, speed in bandwidths.items()))
    if plot:
        from ..bench import picture

        picture.roofline(rows, bandwidths, plot, title)
    out.result({**facts, "read_gigabytes": bandwidths, "rows": [row.as_json() for row in rows]})


def _peers(out: Output, only: Sequence[str], rounds: int, threads: int, seed: int, plot: str | None, with_goals: bool,
           markdown: bool, rows_from: str | None) -> None:  # fmt: skip
    from ..bench import goals, report, sizes, summary
    from ..bench.peers.table import PEERS
    from ..bench.race import Row, race
    from ..bench.works import WORKS

    rows: list[Row] = []
    nets: list[sizes.Size] = []
    if rows_from:
        facts, rows, nets = _read_rows(rows_from)
        rows = [row for row in rows if not only or any(fnmatchcase(row.work, pattern) for pattern in only)]
    else:
        facts = report.facts(PEERS, rounds, threads) | {"missing": dict(report.missing(PEERS))}
    title = _title(facts)
    shown = Output("-") if markdown else out  # then nothing but the one table
    shown.line(title, bold=True)
    for name in dict.fromkeys(row.work for row in rows) if rows_from else _chosen(only, WORKS):
        if not rows_from:
            with _progress(name, rounds) as tick:
                rows += race(WORKS[name], PEERS, rounds=rounds, threads=threads, seed=seed, tick=tick)
        shown.table(report.COLUMNS, report.table(rows, name), title=name)
    if with_goals and not rows_from:
        nets = sizes.sizes_of((WORKS[name] for name in _chosen(only, WORKS)), seed)
    for system, install in facts["missing"].items():
        shown.line(f"not installed: {system}: {install}")
    found = goals.results(rows)
    if with_goals:
        shown.table(goals.COLUMNS, goals.table(found), title="goals, one thread unless it says more")
        if nets:
            shown.table(sizes.COLUMNS, sizes.table(nets), title="goals of sizes")
    if markdown:
        out.line(summary.markdown(rows).rstrip())
    if plot:
        from ..bench import picture

        picture.bars(rows, plot, title)
    judged = {"goals": [result.as_json() for result in found], "sizes": [size.as_json() for size in nets]}
    out.result({**facts, "rows": [row.as_json() for row in rows], **judged})


def _read_rows(name: str) -> tuple[dict[str, Any], list[Any], list[Any]]:
    """Facts, rows and sizes of a JSON file that this verb wrote. Raises DataError."""
    from ..bench.race import Row
    from ..bench.sizes import Size
    from ..errors import DataError

    try:
        facts = json.loads(Path(name).read_text(encoding="utf-8"))
        rows = [Row(**row) for row in facts.pop("rows")]
        facts.pop("goals", None)
        names = [field.name for field in fields(Size)]
        sizes = [Size(**{field: size[field] for field in names}) for size in facts.pop("sizes", [])]
        return {"missing": {}, **facts}, rows, sizes
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        expected = "a file that xnorkit bench peers --json wrote"
        raise DataError("bench", "rows", got=f"{name}: {error}", expected=expected) from error


def _model(out: Output, name: str, rounds: int, most_threads: int, with_steps: bool) -> None:
    from ..bench import model, report
    from ..graph import store
    from ..runtime.session import Session
    from .files import find

    path = find(name)
    session = Session(store.load(path))
    threads = sorted({*(n for n in (1, 2, 4, 8, 16, 32, 64, 128) if n < most_threads), most_threads})
    facts = report.facts((), rounds, most_threads)
    _headline(out, facts)
    load, memory = model.load_times(path), model.memory(path, session)
    with _progress("latency", rounds) as tick:
        latency = model.latencies(session, threads, rounds=rounds, tick=tick)
    with _progress("throughput", rounds) as tick:
        rates = model.throughputs(session, threads, rounds=rounds, tick=tick)
    out.line(f"load: open {load['open_ms']:.2f} ms, pack for this CPU {load['pack_ms']:.2f} ms")
    out.table(["memory", "bytes"], [[key.removesuffix("_bytes"), size] for key, size in memory.items()])
    out.table(report.LATENCY_COLUMNS, report.latency_table(latency), title="ms at batch 1")
    out.table(report.RATE_COLUMNS, report.rate_table(rates))
    result: dict[str, Any] = {**facts, "file": str(path), "load": load, "memory": memory}
    result |= {"latency": [vars(row) for row in latency], "throughput": [vars(row) for row in rates]}
    if with_steps:
        with _progress("steps", rounds) as tick:
            steps = model.steps(session, rounds=rounds, tick=tick)
        out.table(report.STEP_COLUMNS, report.step_table(steps), title="steps at batch 1, one thread")
        result["steps"] = [vars(row) for row in steps]
    out.result(result)


def _cores() -> int:
    """Cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _title(facts: Mapping[str, Any]) -> str:
    return f"{facts['cpu']}, {facts['isa']}, {facts['threads']} thread(s), {facts['rounds']} rounds"


def _headline(out: Output, facts: Mapping[str, Any]) -> str:
    title = _title(facts)
    out.line(title, bold=True)
    return title


def _chosen(patterns: Sequence[str], table: Mapping[str, Any]) -> list[str]:
    """The names that match, all without patterns. Raises RangeError for a pattern that matches none."""
    from ..errors import RangeError

    for pattern in patterns:
        if not any(fnmatchcase(name, pattern) for name in table):
            raise RangeError("bench", "--only", got=pattern, expected="one of " + ", ".join(table))
    return [name for name in table if not patterns or any(fnmatchcase(name, pattern) for pattern in patterns)]


@contextmanager
def _progress(title: str, rounds: int) -> Iterator[Callable[[], None]]:
    """A bar on a terminal's standard error while the rounds go by."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task(title, total=rounds)
        yield lambda: bar.advance(task)
