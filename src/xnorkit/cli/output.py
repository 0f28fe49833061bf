"""Where results go: tables and lines for a person, one JSON document for a program."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import click

from ..format.atomic import write_atomic


class Output:
    """Standard output of one verb.

    json_to: a file for the JSON result, ``-`` for standard output (then nothing else goes there), None for neither.

    >>> Output(None).table(["name", "bits"], [["conv1", 500], ["fc", 8]])
    name   bits
    conv1   500
    fc        8
    """

    def __init__(self, json_to: str | None) -> None:
        self.json_to = json_to
        self.quiet = json_to == "-"
        self.terminal = sys.stdout.isatty() and not self.quiet

    def line(self, text: str = "", *, bold: bool = False) -> None:
        """One line of text."""
        if not self.quiet:
            click.echo(
                click.style(text, bold=True) if bold and self.terminal and "NO_COLOR" not in os.environ else text
            )

    def table(self, columns: Sequence[str], rows: Sequence[Sequence[Any]], title: str = "") -> None:
        """A table: drawn on a terminal, aligned plain columns elsewhere. Columns of numbers align right."""
        if self.quiet:
            return
        cells = [[_cell(value) for value in row] for row in rows]
        right = [bool(rows) and all(_numeric(row[i]) for row in rows) for i in range(len(columns))]
        if self.terminal:
            self._draw(columns, cells, right, title)
            return
        if title:
            click.echo(title)
        widths = [max(len(line[i]) for line in [list(columns), *cells]) for i in range(len(columns))]
        for line in [list(columns), *cells]:
            padded = [c.rjust(w) if r else c.ljust(w) for c, w, r in zip(line, widths, right, strict=True)]
            click.echo("  ".join(padded).rstrip())

    def _draw(self, columns: Sequence[str], cells: list[list[str]], right: list[bool], title: str) -> None:
        from rich import box
        from rich.console import Console
        from rich.table import Table
        from rich.text import Text

        table = Table(
            title=title or None, title_justify="left", header_style="bold", box=box.SIMPLE_HEAD, padding=(0, 1)
        )
        for name, is_right in zip(columns, right, strict=True):
            table.add_column(name, justify="right" if is_right else "left", overflow="fold", no_wrap=is_right)
        for line in cells:
            table.add_row(*(Text(cell) for cell in line))
        Console().print(table)

    def result(self, data: Mapping[str, Any]) -> None:
        """The whole result as JSON, if asked for. Raises SaveError when the file cannot be written."""
        if self.json_to is None:
            return
        text = json.dumps(data, indent=2, default=_plain) + "\n"
        if self.quiet:
            click.echo(text, nl=False)
        else:
            write_atomic(self.json_to, [text.encode()])


def bar(share: float, width: int = 24) -> str:
    """A bar of ``share`` (0..1) of ``width`` characters.

    >>> bar(0.5, 4)
    '██░░'
    """
    filled = min(width, max(0, round(share * width)))
    return "█" * filled + "░" * (width - filled)


def _numeric(value: Any) -> bool:
    """Numbers, and texts that are written ones (``1,234``, ``0.5``, ``-`` for none), align right."""
    if isinstance(value, str):
        return bool(value) and not value.strip("0123456789.,-")
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _cell(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _plain(value: Any) -> Any:
    """NumPy scalars and arrays, paths and sets for ``json``."""
    for method in ("tolist", "__fspath__"):
        if hasattr(value, method):
            return getattr(value, method)()
    if isinstance(value, (set, frozenset, tuple)):
        return sorted(value)
    raise TypeError(f"not JSON: {type(value).__name__}")
