"""What a compression found, stage by stage: JSON, Markdown, picture."""

from __future__ import annotations

import importlib.util
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..bench.report import cpu_name
from ..export.parity import VerifyReport
from ..runtime.cpu import isa
from ..train.files import write_file

COLUMNS = ["stage", "top-1 %", "parameters", "kept", "bytes", "smaller", "ms"]
LAYER_COLUMNS = ["layer", "weights", "kept %", "values", "codec", "bits a weight", "entropy", "bytes", "of the file, %"]


@dataclass(frozen=True)
class Report:
    """rows: the net as it came, then each stage's: stage, bytes, top1, pictures, parameters, kept, layers.
    times: stage -> milliseconds. verified: the last file against its net."""

    source: str
    rows: tuple[dict[str, Any], ...]
    times: dict[str, float]
    verified: VerifyReport

    @property
    def float_bytes(self) -> int:
        """Of the net's parameters as float32: what ratios refer to."""
        return 4 * int(self.rows[0]["parameters"])

    @property
    def ratio(self) -> float:
        """How much smaller the last file is than those."""
        return self.float_bytes / int(self.rows[-1]["bytes"])

    def cells(self) -> list[list[Any]]:
        """Rows for ``COLUMNS``."""
        return [
            [row["stage"], f"{100 * row['top1']:.2f}", row["parameters"], row["kept"], row["bytes"],
             f"{self.float_bytes / row['bytes']:.1f}x", f"{self.times[row['stage']]:.3f}"]
            for row in self.rows
        ]  # fmt: skip

    def layer_cells(self) -> list[list[Any]]:
        """Rows for ``LAYER_COLUMNS``, of the last stage."""
        last = self.rows[-1]
        return [
            [row["name"], row["weights"], f"{100 * row['kept']:.1f}", row["values"], row["codec"], f"{row['bits']:.3f}",
             f"{row['entropy']:.3f}", row["bytes"], f"{100 * row['bytes'] / last['bytes']:.1f}"]
            for row in last["layers"]
        ]  # fmt: skip

    def to_dict(self) -> dict[str, Any]:
        """All of it as plain data."""
        return {"source": self.source, "float_bytes": self.float_bytes, "ratio": self.ratio, "stages": list(self.rows),
                "ms": self.times, "verified": self.verified.to_dict(),
                "machine": {"cpu": cpu_name(), "isa": isa(), "cpus": os.cpu_count()}}  # fmt: skip


def write(report: Report, folder: Path) -> None:
    """``report.json``, ``report.md`` and, where matplotlib is installed, ``report.png``."""
    write_file(folder / "report.json", json.dumps(report.to_dict(), indent=2).encode())
    write_file(folder / "report.md", markdown(report).encode())
    if importlib.util.find_spec("matplotlib"):
        from .. import draw

        stages = [row["stage"] for row in report.rows]
        picture = draw.shrinking(stages, [row["bytes"] for row in report.rows], [row["top1"] for row in report.rows])
        write_file(folder / "report.png", draw.render(picture))


def markdown(report: Report) -> str:
    """The tables of stages and of the last file's layers, and what verifying found."""
    first = report.rows[0]
    note = (
        f"`smaller` refers to the {first['parameters']:,} parameters as float32, {report.float_bytes:,} bytes. "
        f"Top-1 is of the packed file on {first['pictures']:,} test pictures; milliseconds: one picture, one thread, "
        f"{cpu_name()}."
    )
    title = f"# Compressed: {Path(report.source).as_posix()}"
    stages, layers = markdown_table(COLUMNS, report.cells()), markdown_table(LAYER_COLUMNS, report.layer_cells())
    where = "## Where the last file's weights are"
    return "\n".join([title, "", *stages, "", note, "", where, "", *layers, "", told(report), ""])


def told(report: Report) -> str:
    """What verifying found, in a line."""
    checked = report.verified
    return (f"The packed file and its net give {checked.mismatches} different predictions on {checked.n:,} pictures; "
            f"{checked.first_difference or 'all layers agree'}.")  # fmt: skip


def markdown_table(columns: list[str], rows: list[list[Any]]) -> list[str]:
    """Lines of a Markdown table, the first column left, the others right."""
    cells = [[f"{v:,}" if isinstance(v, int) else str(v) for v in row] for row in rows]
    return ["| " + " | ".join(columns) + " |", "|" + "|".join(["---", *["--:"] * (len(columns) - 1)]) + "|",
            *("| " + " | ".join(row) + " |" for row in cells)]  # fmt: skip
