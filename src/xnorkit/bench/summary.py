"""A race in one Markdown table: our milliseconds, and how many times longer the best of each kind takes.

>>> rows = [Row("conv3x3_256x14", "xnorkit avx2", "binary", 1, 0.2, 0.1, 1.0, True),
...         Row("conv3x3_256x14", "torch", "fp32", 1, 2.4, 1.5, 1.0, True)]
>>> for line in markdown(rows).splitlines():
...     print(line)
| work | xnorkit, ms | best fp32 | torch fp32 |
|---|---|---|---|
| conv3x3_256x14 | 0.200 / 0.100 | 12.0x / 15.0x torch | *12.0x / 15.0x (14)* |
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from .goals import RIVALS, Result, results
from .race import Row

MODES = {"binary": "", "bwn": ", binary weights"}


def markdown(rows: Sequence[Row]) -> str:
    """One line for each work and mode of the goals that was measured, median / minimum of one run, one thread.

    A cell ``2.3x / 2.7x ncnn`` names the rival where its column does not; one in italics misses the goal in brackets.
    """
    found = [result for result in results(rows) if result.rival and result.mode in MODES]
    columns = [name for name in RIVALS if any(result.against == name for result in found)]
    lines = [["work", "xnorkit, ms", *columns], ["---"] * (len(columns) + 2)]
    for work, mode in dict.fromkeys((result.work, result.mode) for result in found):
        cells = {result.against: result for result in found if (result.work, result.mode) == (work, mode)}
        ours = next(iter(cells.values())).ours
        best = next(row for row in rows if (row.work, row.system, row.threads) == (work, ours, 1))
        line = [work + MODES[mode], _milliseconds(best), *(_cell(cells.get(name)) for name in columns)]
        lines.append(line)
    return "\n".join(_line(line) for line in lines) + "\n"


def _line(cells: Iterable[str]) -> str:
    text = " | ".join(cells)
    return f"|{text.replace(' ', '')}|" if set(text) <= set("-| ") else f"| {text} |"


def _milliseconds(row: Row) -> str:
    return f"{row.median_ms:.3f} / {row.min_ms:.3f}"


def _cell(result: Result | None) -> str:
    if result is None:
        return ""
    shown = f"{_times(result.ratio_median)} / {_times(result.ratio_min)}"
    rival = result.rival.split()[0] if result.against.startswith("best") else ""
    if result.reached:
        return f"{shown} {rival}".strip()
    return f"*{shown} ({result.goal:g}){' ' + rival if rival else ''}*"


def _times(ratio: float | None) -> str:
    assert ratio is not None  # results with a rival have both
    return f"{ratio:,.0f}x" if ratio >= 100 else f"{ratio:.1f}x" if ratio >= 10 else f"{ratio:.2f}x"
