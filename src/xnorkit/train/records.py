"""What a run writes for people: ``metrics.jsonl``, TensorBoard scalars, ``curves.png``, ``result.json``."""

from __future__ import annotations

import importlib.util
import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from xnorkit.train.diagnostics.report import COLUMNS, Finding, Report
from xnorkit.train.files import write_file
from xnorkit.train.progress import PART

DIAGNOSTICS = "diagnostics.jsonl"
SCALARS = ("lr", "train_loss", "train_top1", "eval_loss", "eval_top1", "eval_top5")


class Records:
    """The written record of a run; held by the first process."""

    def __init__(self, out: Path, *, done: int, tensorboard: bool) -> None:
        self.out, self.board = out, None
        self.diagnoses = _rows_until(out / DIAGNOSTICS, done)
        if tensorboard and importlib.util.find_spec("tensorboard"):
            from torch.utils.tensorboard import SummaryWriter

            self.board = SummaryWriter(out / "tensorboard", purge_step=done + 1)

    def epoch(self, history: Sequence[Mapping[str, Any]]) -> None:
        """Write all epochs so far; the file always agrees with `last`, whatever a killed process had written."""
        lines = "".join(json.dumps(row) + "\n" for row in history)
        write_file(self.out / "metrics.jsonl", lines.encode())
        if self.board is not None and history:
            row = history[-1]
            for name in (*SCALARS, *(key for key in row if key.startswith(PART))):
                self.board.add_scalar(name.replace("_", "/", 1), row[name], row["epoch"])
            self.board.flush()

    def diagnosis(self, epoch: int, step: int, report: Report) -> list[Finding]:
        """Add an epoch's figures to ``diagnostics.jsonl`` and TensorBoard; returns the findings that are new."""
        self.diagnoses.append({"epoch": epoch, "step": step, **report.as_dict()})
        write_file(self.out / DIAGNOSTICS, "".join(json.dumps(row) + "\n" for row in self.diagnoses).encode())
        if self.board is not None:
            for row in report.rows:
                for figure in COLUMNS:
                    value = getattr(row, figure)
                    if value is not None:
                        self.board.add_scalar(f"diagnostics/{figure}/{row.name}", value, epoch)
            self.board.flush()
        known = {(old["kind"], old["layer"]) for before in self.diagnoses[:-1] for old in before["findings"]}
        return [finding for finding in report.findings if (finding.kind, finding.layer) not in known]

    def result(self, values: Mapping[str, Any]) -> None:
        """Write ``result.json``."""
        write_file(self.out / "result.json", json.dumps(values, indent=2).encode())

    def close(self) -> None:
        """Let go of the TensorBoard file."""
        if self.board is not None:
            self.board.close()


def _rows_until(path: Path, epoch: int) -> list[dict[str, Any]]:
    """The rows of a file of earlier epochs, those after ``epoch`` left out: a resumed run makes them again."""
    rows = [json.loads(line) for line in path.read_text().splitlines()] if epoch and path.exists() else []
    return [row for row in rows if row["epoch"] <= epoch]


def draw_curves(history: Sequence[Mapping[str, Any]], path: Path, title: str) -> bool:
    """Loss and accuracy over epochs as a picture; False when matplotlib is not installed."""
    if not importlib.util.find_spec("matplotlib") or not history:
        return False
    from xnorkit import draw

    split = history[-1]["eval_split"]
    lines = {
        label: {
            side: [_finite(row[f"{key}_{name}"]) for row in history]
            for key, side in (("train", "train"), ("eval", split))
        }
        for name, label in (("loss", "loss"), ("top1", "top-1 accuracy"))
    }
    picture = draw.curves([row["epoch"] for row in history], lines, x_label="epoch", title=title)
    write_file(path, draw.render(picture))
    return True


def draw_diagnosis(diagnoses: Sequence[Mapping[str, Any]], path: Path, title: str) -> bool:
    """The diagnostics of all epochs as a picture; False when there are none, or matplotlib is not installed."""
    if not diagnoses or not importlib.util.find_spec("matplotlib"):
        return False
    from xnorkit import draw

    write_file(path, draw.render(draw.diagnosis(diagnoses, title=title)))
    return True


def _finite(value: float) -> float:
    """The value, or NaN, which the picture leaves out: an infinite loss has no place on an axis."""
    return value if math.isfinite(value) else math.nan
