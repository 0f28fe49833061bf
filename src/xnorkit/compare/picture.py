"""The picture of a comparison: accuracy against bytes, against milliseconds, and over epochs."""

from __future__ import annotations

import statistics
from collections.abc import Mapping
from typing import Any

from .. import draw


def picture(found: Mapping[str, Any]) -> draw.Picture:
    """Draw what `report.collect` gave."""
    rows = {row["label"]: row for row in found["schemes"]}
    recipe = found["recipe"]
    return draw.comparison(
        {name: _curve(found, row["key"]) for name, row in rows.items()},
        {"bytes of the packed file": {name: row["bytes"] for name, row in rows.items()},
         "ms, one thread, batch 1": {name: row["median_ms"] for name, row in rows.items()}},
        {name: row["top1_mean"] for name, row in rows.items()},
        {name: row["top1_deviation"] for name, row in rows.items()},
        title=recipe["name"],
    )  # fmt: skip


def _curve(found: Mapping[str, Any], key: str) -> list[float]:
    """Mean accuracy over the seeds that have reached each epoch."""
    runs = [run["history"] for run in found["runs"] if run["key"] == key]
    longest = max(map(len, runs))
    return [statistics.fmean(run[i]["eval_top1"] for run in runs if i < len(run)) for i in range(longest)]
