"""What a person sees of a comparison: bars on a terminal, a line for each finished epoch elsewhere; on standard error.

The time left is reckoned from the seconds that epochs took, those of earlier sittings included.
"""

from __future__ import annotations

import json
import statistics
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn

from ..errors import RangeError
from ..train.progress import KINDS, duration, line
from .plan import Run, run_folder

Task = tuple[Run, int, int]
"""A run, its epochs, and how many of them lie behind."""


class Teller(Protocol):
    """Called by the runner."""

    def start(self, tasks: Sequence[Task], jobs: int) -> None:
        """These runs are the comparison."""

    def begin(self, run: Run) -> None:
        """The run's process starts."""

    def epoch(self, run: Run, row: Mapping[str, Any]) -> None:
        """An epoch's metrics."""

    def end(self, run: Run, trouble: str) -> None:
        """The run's process ended; ``trouble`` is empty when it ended well."""

    def note(self, text: str) -> None:
        """A line to keep."""

    def stop(self) -> None:
        """No more of it."""


def history(folder: Path, run: Run) -> list[dict[str, Any]]:
    """The rows of a run's epochs so far."""
    path = run_folder(folder, run) / "metrics.jsonl"
    return [json.loads(text) for text in path.read_text().splitlines()] if path.is_file() else []


def teller(kind: str = "auto") -> Teller:
    """``auto`` is ``bar`` on a terminal and ``plain`` elsewhere. Raises RangeError for another kind."""
    if kind not in KINDS:
        raise RangeError("compare", "progress", got=kind, expected=", ".join(KINDS))
    console = Console(stderr=True)
    if kind == "none":
        return Silent()
    return Bars(console) if kind == "bar" or (kind == "auto" and console.is_terminal) else Plain()


class Silent:
    """Says nothing; counts epochs for the others."""

    def start(self, tasks: Sequence[Task], jobs: int) -> None:
        self.jobs, self.total = jobs, {run: epochs for run, epochs, _ in tasks}
        self.done = {run: done for run, _, done in tasks}
        self.seconds: dict[str, list[float]] = {}

    def begin(self, run: Run) -> None: ...

    def epoch(self, run: Run, row: Mapping[str, Any]) -> None:
        self.done[run] = row["epoch"]
        self.seconds.setdefault(run.key, []).append(row["seconds"])

    def end(self, run: Run, trouble: str) -> None:
        self.done[run] = self.total[run]

    def note(self, text: str) -> None: ...
    def stop(self) -> None: ...

    def left(self) -> float | None:
        """Seconds to the end, when every slot stays busy; schemes not seen yet count as the mean of the others."""
        if not self.seconds:
            return None
        pace = {scheme: statistics.fmean(spent) for scheme, spent in self.seconds.items()}
        usual = statistics.fmean(pace.values())
        work = sum((self.total[run] - self.done[run]) * pace.get(run.key, usual) for run in self.total)
        return work / self.jobs


class Plain(Silent):
    """A line for each finished epoch."""

    def start(self, tasks: Sequence[Task], jobs: int) -> None:
        super().start(tasks, jobs)
        self.note(_headline(tasks, jobs))

    def begin(self, run: Run) -> None:
        going_on = f", from epoch {self.done[run] + 1}" if 0 < self.done[run] < self.total[run] else ""
        self.note(f"{_title(run)}  begins{going_on}")

    def epoch(self, run: Run, row: Mapping[str, Any]) -> None:
        super().epoch(run, row)
        left = self.left()
        self.note(f"{_title(run)}  {line(row, self.total[run])}" + (f"  left {duration(left)}" if left else ""))

    def end(self, run: Run, trouble: str) -> None:
        super().end(run, trouble)
        self.note(f"{_title(run)}  {trouble or 'done'}")

    def note(self, text: str) -> None:
        print(text, file=sys.stderr, flush=True)


class Bars(Silent):
    """A bar for the whole and one for each run at work; finished runs stay as lines above them."""

    def __init__(self, console: Console) -> None:
        self.console = console
        columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.completed}/{task.total} epochs"),
                   TextColumn("{task.fields[said]}"))  # fmt: skip
        self.bars = Progress(*columns, console=console, transient=True)
        self.tasks: dict[Run, TaskID] = {}

    def start(self, tasks: Sequence[Task], jobs: int) -> None:
        super().start(tasks, jobs)
        self.note(_headline(tasks, jobs))
        self.whole = self.bars.add_task(
            "all", total=sum(self.total.values()), completed=sum(self.done.values()), said=""
        )
        self.bars.start()

    def begin(self, run: Run) -> None:
        self.tasks[run] = self.bars.add_task(_title(run), total=self.total[run], completed=self.done[run], said="")

    def epoch(self, run: Run, row: Mapping[str, Any]) -> None:
        super().epoch(run, row)
        told = f"{row['eval_split']} {100 * row['eval_top1']:.2f} %"
        self.bars.update(self.tasks[run], completed=row["epoch"], said=told)
        left = self.left()
        said = "" if left is None else f"left {duration(left)}"
        self.bars.update(self.whole, completed=sum(self.done.values()), said=said)

    def end(self, run: Run, trouble: str) -> None:
        super().end(run, trouble)
        self.bars.update(self.whole, completed=sum(self.done.values()))
        self.bars.remove_task(self.tasks.pop(run))
        self.note(f"{_title(run)}  {trouble or 'done'}")

    def note(self, text: str) -> None:
        self.console.print(text, highlight=False, markup=False)

    def stop(self) -> None:
        self.bars.stop()


def _title(run: Run) -> str:
    return f"{run.entry.shown} seed {run.seed}"


def _headline(tasks: Sequence[Task], jobs: int) -> str:
    done, total = sum(task[2] for task in tasks), sum(task[1] for task in tasks)
    return f"{len(tasks)} runs, {total - done} of {total} epochs ahead, {jobs} at a time"
