"""What a person sees while a run goes on: a bar with the time left on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, TextColumn, TimeElapsedColumn
from rich.text import Text

KINDS = ("auto", "bar", "plain", "none")
PART = "train_loss_"
"""How the keys of a loss's parts begin in an epoch's row."""


class Reporter(Protocol):
    """Called by the loop, by the first process only."""

    def start(self, title: str, done: int, total: int) -> None:
        """``total`` steps are ahead, ``done`` of them lie behind already."""

    def step(self, done: int, loss: Any) -> None:
        """One more step; ``loss`` is a zero-axis tensor, read only when shown."""

    def epoch(self, row: Mapping[str, Any], epochs: int) -> None:
        """An epoch's metrics."""

    def note(self, text: str) -> None:
        """A line to keep."""

    def stop(self) -> None:
        """The run is over or interrupted."""


def reporter(kind: str = "auto") -> Reporter:
    """``auto`` is ``bar`` on a terminal and ``plain`` elsewhere; everything goes to stderr, stdout is for results."""
    console = Console(stderr=True)
    if kind == "none":
        return Silent()
    return Bar(console) if kind == "bar" or (kind == "auto" and console.is_terminal) else Plain()


def line(row: Mapping[str, Any], epochs: int) -> str:
    """One epoch in words.

    >>> line({"epoch": 2, "train_loss": 0.5, "train_top1": 0.8, "eval_split": "test", "eval_top1": 0.75,
    ...       "lr": 1e-3, "seconds": 4.2}, 10)
    'epoch 2/10  loss 0.5000  train 80.00 %  test 75.00 %  lr 0.001  4.2 s'

    Where the loss has parts they follow it: ``loss 0.5000 (labels 0.7000, hinton 0.3000)``. A stage stands first.
    """
    parts = [f"{key.removeprefix(PART)} {value:.4f}" for key, value in row.items() if key.startswith(PART)]
    shown = f" ({', '.join(parts)})" if parts else ""
    stage = f"{row['stage']}  " if "stage" in row else ""
    return (
        f"{stage}epoch {row['epoch']}/{epochs}  loss {row['train_loss']:.4f}{shown}  "
        f"train {100 * row['train_top1']:.2f} %  "
        f"{row['eval_split']} {100 * row['eval_top1']:.2f} %  lr {row['lr']:.3g}  {row['seconds']:.1f} s"
    )


def duration(seconds: float) -> str:
    """``1:02:03`` or ``2:03``.

    >>> duration(3723), duration(59.6)
    ('1:02:03', '1:00')
    """
    whole = round(seconds)
    hours, minutes = whole // 3600, whole % 3600 // 60
    return f"{hours}:{minutes:02}:{whole % 60:02}" if hours else f"{minutes}:{whole % 60:02}"


class Clock:
    """Time left, from the pace since the start of this process (a resumed run's past counts for nothing)."""

    def __init__(self, done: int, total: int) -> None:
        self.first, self.total, self.begun = done, total, time.monotonic()

    def left(self, done: int) -> float | None:
        """Seconds left after ``done`` steps; None before the first."""
        if done <= self.first:
            return None
        return (time.monotonic() - self.begun) / (done - self.first) * (self.total - done)


class Silent:
    """Says nothing."""

    def start(self, title: str, done: int, total: int) -> None: ...
    def step(self, done: int, loss: Any) -> None: ...
    def epoch(self, row: Mapping[str, Any], epochs: int) -> None: ...
    def note(self, text: str) -> None: ...
    def stop(self) -> None: ...


class Plain(Silent):
    """One line an epoch, with the time left."""

    def start(self, title: str, done: int, total: int) -> None:
        self.clock, self.done = Clock(done, total), done
        self.note(title)

    def step(self, done: int, loss: Any) -> None:
        self.done = done

    def epoch(self, row: Mapping[str, Any], epochs: int) -> None:
        left = self.clock.left(self.done)
        self.note(line(row, epochs) + (f"  left {duration(left)}" if left else ""))

    def note(self, text: str) -> None:
        print(text, file=sys.stderr, flush=True)


class _Left(ProgressColumn):
    """The time left at the pace of the whole run."""

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self.clock = clock

    def render(self, task: Any) -> Text:
        left = self.clock.left(int(task.completed))
        return Text("left " + ("-:--" if left is None else duration(left)), style="progress.remaining")


class Bar(Silent):
    """A live bar over all steps, with finished epochs as lines above it."""

    def __init__(self, console: Console) -> None:
        self.console = console

    def start(self, title: str, done: int, total: int) -> None:
        self.console.print(title, highlight=False)
        columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.completed}/{task.total}"),
                   TimeElapsedColumn(), _Left(Clock(done, total)))  # fmt: skip
        self.bar = Progress(*columns, console=self.console, transient=True)
        self.task = self.bar.add_task("training", total=total, completed=done)
        self.shown = 0.0
        self.bar.start()

    def step(self, done: int, loss: Any) -> None:
        now = time.monotonic()
        if now - self.shown > 0.2:
            self.shown = now
            self.bar.update(self.task, completed=done, description=f"loss {float(loss):.4f}")

    def epoch(self, row: Mapping[str, Any], epochs: int) -> None:
        self.note(line(row, epochs))

    def note(self, text: str) -> None:
        self.console.print(text, highlight=False, markup=False)

    def stop(self) -> None:
        self.bar.stop()


class Staged(Silent):
    """One display over the stages of a run: ``inner`` sees a single run of all their steps.

    stages: (name, steps) of each, in order; call `enter` before each one, `close` at the end.
    """

    def __init__(self, inner: Reporter, stages: Sequence[tuple[str, int]]) -> None:
        self.inner, self.stages, self.number, self.started = inner, stages, 0, False

    def enter(self, number: int) -> None:
        """The stage of that number, from 0, is next; earlier ones count as done."""
        self.number = number
        self.label = f"stage {number + 1}/{len(self.stages)} {self.stages[number][0]}"

    def _before(self) -> int:
        return sum(steps for _, steps in self.stages[: self.number])

    def start(self, title: str, done: int, total: int) -> None:
        if not self.started:
            self.started = True
            names = ", ".join(name for name, _ in self.stages)
            self.inner.start(f"{len(self.stages)} stages: {names}", self._before() + done,
                             sum(steps for _, steps in self.stages))  # fmt: skip
        self.note(f"{self.label}: {title}")

    def step(self, done: int, loss: Any) -> None:
        self.inner.step(self._before() + done, loss)

    def epoch(self, row: Mapping[str, Any], epochs: int) -> None:
        self.inner.epoch({**row, "stage": self.label}, epochs)

    def note(self, text: str) -> None:
        self.inner.note(text)

    def close(self) -> None:
        """The run is over or interrupted."""
        if self.started:
            self.inner.stop()
