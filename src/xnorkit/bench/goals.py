"""THE TABLE OF GOALS: how many times faster than each rival this engine means to be, and whether the rows say it is.

A goal is reached when both ratios reach it: rival's median over our median, rival's minimum over our minimum, each with
the fastest rival of its kind and our fastest row, one thread, all from one run.

>>> rows = [Row("conv3x3_256x14", "xnorkit avx2", "binary", 1, 0.2, 0.1, 1.0, True),
...         Row("conv3x3_256x14", "torch", "fp32", 1, 4.0, 1.5, 1.0, True)]
>>> [(r.against, r.ratio_median, round(r.ratio_min), r.goal, r.reached) for r in results(rows) if r.rival]
[('best fp32', 20.0, 15, 6.5, True), ('torch fp32', 20.0, 15, 14, True)]
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from .race import Row
from .report import is_ours
from .works import LAYERS

RIVALS: dict[str, Callable[[Row], bool]] = {
    "OpenVINO binary": lambda row: row.kind == "binary" and row.system.startswith("OpenVINO"),
    "best binary": lambda row: row.kind == "binary",
    "best int8": lambda row: row.kind == "int8",
    "best fp32": lambda row: row.kind == "fp32",
    "torch fp32": lambda row: row.kind == "fp32" and row.system.split()[0] == "torch",
    "textbook": lambda row: row.kind == "textbook",
}
"""Whom a goal is against -> which rows of other systems count."""


@dataclass(frozen=True)
class Goal:
    """``ratios``: rival of ``RIVALS`` -> times faster. mode: "binary", or "bwn" for our binary weights with wider
    activations, rows whose system has the word "bwn"."""

    works: tuple[str, ...]
    ratios: dict[str, float]
    mode: str = "binary"


def _goal(works: str, openvino: float | None, binary: float | None, int8: float, fp32: float, torch: float,
          textbook: float | None = None, mode: str = "binary") -> Goal:  # fmt: skip
    ratios = dict(zip(RIVALS, (openvino, binary, int8, fp32, torch, textbook), strict=True))
    return Goal(tuple(works.split()), {name: ratio for name, ratio in ratios.items() if ratio is not None}, mode)


GOALS = (
    _goal("conv3x3_64x56 conv3x3_128x28", 2, 1.5, 3.3, 4.5, 10, 500),
    _goal("conv3x3_256x14 conv3x3_512x7", 2, 1.5, 4.5, 6.5, 14, 500),
    _goal("conv1x1_256x14", 1.8, 1.3, 4, 7, 9),
    _goal("dense_1x4096x4096 dense_1x9216x4096", 2.5, 1.3, 20, 70, 70),
    _goal("net_resnet18_xnor_224 net_alexnet_xnor_224 net_vgg16_xnor_224", 1.6, None, 2.5, 5, 9),
    _goal("conv3x3_64x56 conv3x3_128x28 conv3x3_256x14 conv3x3_512x7", None, None, 1.2, 1.5, 3, mode="bwn"),
)
"""Every goal; the paper's own figure, 58x a textbook loop, is far below the last column."""


TWO_THREADS = 1.8
"""How many times faster our large layers are on two threads than on one, the same kernel in the same run."""


@dataclass(frozen=True)
class Result:
    """One goal on one work; the ratios and ``reached`` are None where a side was not measured."""

    work: str
    mode: str
    against: str
    goal: float
    ours: str = ""
    rival: str = ""
    ratio_median: float | None = None
    ratio_min: float | None = None
    reached: bool | None = None

    def as_json(self) -> dict[str, Any]:
        """The fields."""
        return asdict(self)


def results(rows: Iterable[Row]) -> list[Result]:
    """Each goal on each of its works, in the table's order; only verified rows of one thread count. Then two threads
    against one on each large layer.
    """
    verified = [row for row in rows if row.verified]
    sound = [row for row in verified if row.threads == 1]
    threads = [_two_threads(verified, work.name) for work in LAYERS if work.is_large]
    return [
        _result(sound, work, goal.mode, against, ratio)
        for goal in GOALS
        for work in goal.works
        for against, ratio in goal.ratios.items()
    ] + threads


def _result(rows: Sequence[Row], work: str, mode: str, against: str, goal: float) -> Result:
    here = [row for row in rows if row.work == work]
    ours = [row for row in here if is_ours(row) and _mode(row) == mode]
    rivals = [row for row in here if not is_ours(row) and RIVALS[against](row)]
    if not ours or not rivals:
        return Result(work, mode, against, goal)
    best, rival = min(ours, key=_minimum), min(rivals, key=_minimum)
    at_median = min(map(_median, rivals)) / min(map(_median, ours))
    at_min = _minimum(rival) / _minimum(best)
    reached = min(at_median, at_min) >= goal
    return Result(work, mode, against, goal, best.system, rival.system, at_median, at_min, reached)


def _two_threads(rows: Sequence[Row], work: str) -> Result:
    for two in rows:
        one = next((r for r in rows if r.work == work and f"{r.system} two threads" == two.system), None)
        if two.work == work and one is not None and (one.threads, two.threads) == (1, 2):
            at_median, at_min = _median(one) / _median(two), _minimum(one) / _minimum(two)
            reached = min(at_median, at_min) >= TWO_THREADS
            return Result(
                work, "threads", "one thread", TWO_THREADS, two.system, one.system, at_median, at_min, reached
            )
    return Result(work, "threads", "one thread", TWO_THREADS)


def _mode(row: Row) -> str:
    return "bwn" if "bwn" in row.system.split() else "binary"


def _minimum(row: Row) -> float:
    assert row.min_ms is not None  # verified rows have figures
    return row.min_ms


def _median(row: Row) -> float:
    assert row.median_ms is not None
    return row.median_ms


COLUMNS = ["work", "mode", "against", "rival", "at median", "at min", "goal", "reached"]


def table(found: Iterable[Result]) -> list[list[Any]]:
    """Cells for ``COLUMNS``."""
    words = {True: "yes", False: "NO", None: "not measured"}
    return [
        [r.work, r.mode, r.against, r.rival or "-", _times(r.ratio_median), _times(r.ratio_min), f"{r.goal:g}",
         words[r.reached]]
        for r in found
    ]  # fmt: skip


def _times(ratio: float | None) -> str:
    return "-" if ratio is None else f"{ratio:.2f}"
