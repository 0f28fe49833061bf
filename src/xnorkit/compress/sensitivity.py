"""How much each layer bears: accuracy against the share pruned, or the bits shared, of one layer alone, not trained on.

OUT/sensitivity.json .md .png
"""

from __future__ import annotations

import copy
import importlib.util
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ..errors import RangeError
from ..train import pictures
from ..train.checkpoint import load_checkpoint
from ..train.data.arrays import Split, stratified
from ..train.evaluation import evaluate
from ..train.files import write_file
from . import lowrank
from .layers import float_layers
from .report import markdown_table
from .stages.prune import rank_mask
from .stages.share import shared

Row = dict[str, Any]


def _pruned(weight: Tensor, rate: float) -> Tensor:
    return weight * rank_mask(weight.abs(), rate)


def _shared(weight: Tensor, bits: float) -> Tensor:
    form = shared(weight, int(bits))
    return form(form.right_inverse(weight))


def _lowrank(weight: Tensor, keep: float) -> Tensor:
    matrix = weight.flatten(1)
    a, b = lowrank.svd(matrix, max(1, round(keep * min(matrix.shape))))
    return (b @ a).view_as(weight)


KINDS: dict[str, tuple[Callable[[Tensor, float], Tensor], tuple[float, ...], str]] = {
    "prune": (_pruned, (0.0, 0.3, 0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.95, 0.98), "share of the weights set to 0"),
    "share": (_shared, (8, 6, 5, 4, 3, 2, 1), "bits of an index"),
    "lowrank": (_lowrank, (1.0, 0.75, 0.5, 0.35, 0.25, 0.15, 0.1, 0.05), "share of the rank kept"),
}
"""Kind -> (what is done to a weight, rates, what a rate is)."""


@torch.no_grad()
def scan(model: nn.Module, data: Split, kind: str = "prune", rates: Sequence[float] = (),
         told: Callable[[Row], None] = lambda row: None) -> list[Row]:  # fmt: skip
    """A row for each float layer and rate: ``layer``, ``rate``, ``top1`` of the net with that layer alone changed.

    data: pictures that are judged by; those of training, so that the test split chooses nothing. told: called with each
    row. Raises RangeError for a kind or rate that is none, UnsupportedError for a model without float layers.
    """
    if kind not in KINDS:
        raise RangeError("sensitivity", "kind", got=kind, expected=f"one of {list(KINDS)}")
    change, usual, _ = KINDS[kind]
    low, high = (1, 8) if kind == "share" else (0, 1)
    if wrong := [rate for rate in rates if not low <= rate <= high]:
        raise RangeError("sensitivity", "rate", got=wrong[0], expected=f"{low}..{high}")
    tried, rows = copy.deepcopy(model).eval(), []
    for path, layer in float_layers(tried).items():
        weight = layer.weight.detach().clone()
        for rate in rates or usual:
            layer.weight.copy_(change(weight, rate))
            rows.append({"layer": path, "rate": rate, "top1": evaluate(tried, data).top1})
            told(rows[-1])
        layer.weight.copy_(weight)
    return rows


def sensitivity(source: str | Path, out: str | Path, *, kind: str = "prune", rates: Sequence[float] = (),
                limit: int = 5000, data: Split | None = None, model: nn.Module | None = None,
                told: Callable[[Row], None] = lambda row: None) -> list[Row]:  # fmt: skip
    """`scan` a checkpoint on training pictures and write what it found into ``out``.

    limit: pictures, of every class its share. data: in place of what the checkpoint's recipe names. Raises as
    `scan`, and CheckpointError, DataError.
    """
    trained, info = load_checkpoint(source, copy.deepcopy(model))
    split = data if data is not None else pictures.load(info.recipe.data, "train", info.input_size)
    chosen = stratified(split.labels, min(limit, len(split)), info.recipe.seed)
    rows = scan(trained, split.take(chosen), kind, rates, told)
    folder = Path(out)
    write_file(folder / "sensitivity.json", json.dumps({"kind": kind, "rows": rows}, indent=2).encode())
    write_file(folder / "sensitivity.md", _markdown(rows, kind).encode())
    if importlib.util.find_spec("matplotlib"):
        from .. import draw

        layers = list(dict.fromkeys(row["layer"] for row in rows))
        steps = list(dict.fromkeys(row["rate"] for row in rows))
        lines = {layer: [100 * row["top1"] for row in rows if row["layer"] == layer] for layer in layers}
        picture = draw.curves(steps, {"top-1 accuracy, %": lines}, x_label=KINDS[kind][2], title=f"{kind} by layer")
        write_file(folder / "sensitivity.png", draw.render(picture))
    return rows


def table(rows: Sequence[Row]) -> tuple[list[str], list[list[str]]]:
    """(columns, cells): a line for each layer, a column for each rate, accuracy in percent."""
    steps = list(dict.fromkeys(row["rate"] for row in rows))
    layers: dict[str, list[str]] = {}
    for row in rows:
        layers.setdefault(row["layer"], []).append(f"{100 * row['top1']:.2f}")
    return ["layer", *map(str, steps)], [[layer, *cells] for layer, cells in layers.items()]


def _markdown(rows: Sequence[Row], kind: str) -> str:
    columns, cells = table(rows)
    told = f"Top-1 in percent by {KINDS[kind][2]}, one layer changed, not trained on."
    return "\n".join([f"# Sensitivity: {kind}", "", told, "", *markdown_table(columns, cells), ""])
