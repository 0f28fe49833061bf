"""What ``verbose`` shows on standard error: a bar with the time left on a terminal, and a line an epoch anywhere."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

Say = Callable[[str], None]


@contextmanager
def progress(total: int, verbose: bool) -> Iterator[Say]:
    """Inside, each call of the function given says a line and counts one of ``total``; silent unless ``verbose``.

    >>> with progress(1, verbose=False) as say:
    ...     say("never shown")
    """
    if not verbose:
        yield lambda line: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

    console = Console(stderr=True, highlight=False)
    columns = (BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("", total=total)

        def say(line: str) -> None:
            console.print(line, soft_wrap=True, markup=False)
            bar.advance(task)

        yield say
