"""``xnorkit bench``: side by side with what is installed; torch and the other systems are imported only to be raced."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import click

from ..bench.race import MIN_ROUNDS
from ..bench.works import WORKS, Work
from ..errors import RangeError
from .output import Output
from .verb import verb

EXAMPLE = "xnorkit bench peers --json rows.json\nxnorkit bench peers --only conv3x3_256x14"


@verb("bench", example=EXAMPLE)
@click.argument("what", metavar="peers")
@click.option("--only", multiple=True, metavar="WORK", help="This work alone; may be repeated, * stands for anything.")
@click.option("--rounds", default=MIN_ROUNDS, show_default=True, type=click.IntRange(1), help="Rounds of the race.")
@click.option("--threads", default=1, show_default=True, type=click.IntRange(1, 256), help="Threads of every system.")
@click.option("--seed", default=0, show_default=True, help="Of the data and of the order of the systems.")
def command(out: Output, what: str, only: tuple[str, ...], rounds: int, threads: int, seed: int) -> None:
    """Time our layers, race them against what is installed, or profile a packed file.

    Every answer is compared with the reference first; systems take turns in shuffled order. Nothing is installed: what
    is missing is listed with the command that installs it.
    """
    if what != "peers":
        raise RangeError("bench", "what", got=what, expected="peers")
    _peers(out, _chosen(only), rounds, threads, seed)


def _peers(out: Output, works: Sequence[Work], rounds: int, threads: int, seed: int) -> None:
    from ..bench import report
    from ..bench.peers.table import PEERS
    from ..bench.race import Row, race

    facts = report.facts(PEERS, rounds, threads)
    out.line(f"{facts['cpu']}, {facts['isa']}, {threads} thread(s), {rounds} rounds", bold=True)
    rows: list[Row] = []
    for work in works:
        with _progress(out, work.name, rounds) as tick:
            rows += race(work, PEERS, rounds=rounds, threads=threads, seed=seed, tick=tick)
        out.table(report.COLUMNS, report.table(rows, work.name), title=work.name)
    for system, install in report.missing(PEERS):
        out.line(f"not installed: {system}: {install}")
    out.result({**facts, "missing": dict(report.missing(PEERS)), "rows": [row.as_json() for row in rows]})


def _chosen(patterns: Sequence[str]) -> list[Work]:
    """The works that match, all without patterns. Raises RangeError for a pattern that matches none."""
    from fnmatch import fnmatchcase

    for pattern in patterns:
        if not any(fnmatchcase(name, pattern) for name in WORKS):
            raise RangeError("bench", "--only", got=pattern, expected="one of " + ", ".join(WORKS))
    return [work for name, work in WORKS.items() if not patterns or any(fnmatchcase(name, p) for p in patterns)]


@contextmanager
def _progress(out: Output, title: str, rounds: int) -> Iterator[Callable[[], None]]:
    """A bar on a terminal's standard error while the rounds go by."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task(title, total=rounds)
        yield lambda: bar.advance(task)
