"""What a run writes for people: ``metrics.jsonl``, TensorBoard scalars, ``curves.png``, ``result.json``."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from xnorkit.train.files import write_file

SCALARS = ("lr", "train_loss", "train_top1", "eval_loss", "eval_top1", "eval_top5")


class Records:
    """The written record of a run; held by the first process."""

    def __init__(self, out: Path, *, done: int, tensorboard: bool) -> None:
        self.out, self.board = out, None
        if tensorboard and importlib.util.find_spec("tensorboard"):
            from torch.utils.tensorboard import SummaryWriter

            self.board = SummaryWriter(out / "tensorboard", purge_step=done + 1)

    def epoch(self, history: Sequence[Mapping[str, Any]]) -> None:
        """Write all epochs so far; the file always agrees with `last`, whatever a killed process had written."""
        lines = "".join(json.dumps(row) + "\n" for row in history)
        write_file(self.out / "metrics.jsonl", lines.encode())
        if self.board is not None and history:
            row = history[-1]
            for name in SCALARS:
                self.board.add_scalar(name.replace("_", "/", 1), row[name], row["epoch"])
            self.board.flush()

    def result(self, values: Mapping[str, Any]) -> None:
        """Write ``result.json``."""
        write_file(self.out / "result.json", json.dumps(values, indent=2).encode())

    def close(self) -> None:
        """Let go of the TensorBoard file."""
        if self.board is not None:
            self.board.close()


def draw_curves(history: Sequence[Mapping[str, Any]], path: Path, title: str) -> bool:
    """Loss and accuracy over epochs as a picture; False when matplotlib is not installed."""
    if not importlib.util.find_spec("matplotlib") or not history:
        return False
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 3.6), layout="constrained")
    FigureCanvasAgg(figure)
    epochs, split = [row["epoch"] for row in history], history[-1]["eval_split"]
    for axis, (name, label) in zip(figure.subplots(1, 2), (("loss", "loss"), ("top1", "top-1 accuracy")), strict=True):
        axis.plot(epochs, [row[f"train_{name}"] for row in history], label="train", marker=".")
        axis.plot(epochs, [row[f"eval_{name}"] for row in history], label=split, marker=".")
        axis.set(xlabel="epoch", ylabel=label)
        axis.grid(alpha=0.3)
        axis.legend()
    figure.suptitle(title)
    figure.savefig(path, dpi=120)
    return True
