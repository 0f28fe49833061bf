"""What a training's diagnostics saw: gradients by depth, flips of binary weights and lost slopes by epoch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..errors import ShapeError
from .canvas import COLOURS, DASHES, MARKS, Axes, MaxNLocator, Picture, finish, numbers, panels, same_length

MOST_LINES = len(COLOURS)


def gradients(layers: Sequence[str], of: Mapping[str, Sequence[float]], *, title: str = "") -> Picture:
    """|dC/dz| of every layer from input to output on a logarithmic axis, a line a name; 0 and NaN leave a gap.

    Raises ShapeError where a line is not as long as ``layers``, or there is nothing to draw.

    >>> gradients(["0", "2", "4"], {"sigmoid": [1e-4, 1e-2, 1.0]}).axes[0].get_yscale()
    'log'
    """
    figure, (axes,) = panels(width=max(4.2, 1.2 + 0.3 * len(layers)), title=title)
    _by_depth(axes, layers, of)
    return figure


def diagnosis(epochs: Sequence[Mapping[str, Any]], *, title: str = "") -> Picture:
    """Three panels of a run: gradients by depth (first, middle and last epoch); flips by epoch; lost slopes by epoch.

    epochs: rows of ``diagnostics.jsonl``: ``{"epoch": 1, "layers": [{"name", "weighted", "gradient"?, "flips"?,
    "saturation"?, "dead"?}, ...]}``. Layers beyond eight are left out of the last two, the lowest first; without binary
    weights the middle one shows |step| / |W| instead. Raises ShapeError without an epoch or without a layer's gradient.
    """
    if not epochs:
        raise ShapeError("draw", "epochs", got=0, expected="1 or more")
    shown = {epochs[i]["epoch"]: epochs[i] for i in (0, len(epochs) // 2, -1)}
    weighted = [layer["name"] for layer in epochs[-1]["layers"] if layer["weighted"] and "gradient" in layer]
    figure, (left, middle, right) = panels(1, 3, height=3.6, title=title)
    _by_depth(left, weighted, {f"epoch {number}": _values(row, "gradient", weighted) for number, row in shown.items()})
    figure_of = {key: _by_layer(epochs, key) for key in ("flips", "update", "saturation", "dead")}
    along = [row["epoch"] for row in epochs]
    if figure_of["flips"]:
        _lines(middle, along, figure_of["flips"], "binary weights that flip in a step")
    else:
        _lines(middle, along, figure_of["update"], "|step| / |W|")
    lost = {f"{name}, no slope": line for name, line in figure_of["saturation"].items()}
    lost |= {f"{name}, dead": line for name, line in figure_of["dead"].items()}
    _lines(right, along, lost, "share of inputs or units")
    return figure


def _by_depth(axes: Axes, layers: Sequence[str], of: Mapping[str, Sequence[float]]) -> None:
    if not layers or not of:
        raise ShapeError("draw", "layers", got=len(layers) and len(of), expected="1 or more, each with a gradient")
    at = np.arange(len(layers))
    for i, (name, values) in enumerate(of.items()):
        line = numbers(f"gradients of {name}", values, "L", gaps=True)
        same_length(f"gradients of {name}", line, len(layers))
        axes.plot(at, np.where(line > 0, line, np.nan), label=name, marker=MARKS[i % len(MARKS)], markersize=3.5,
                  color=COLOURS[i % len(COLOURS)], linestyle=DASHES[i % len(DASHES)])  # fmt: skip
    axes.set_yscale("log")
    axes.set_xticks(at, layers, rotation=90, fontsize=7)
    finish(axes, x="layer, input to output", y="|dC/dz|")
    axes.legend(fontsize=8)


def _lines(axes: Axes, along: Sequence[int], of: Mapping[str, Sequence[float]], y: str) -> None:
    kept = sorted(of, key=lambda name: -float(np.nanmax([*of[name], 0.0])))[:MOST_LINES]
    for i, name in enumerate(name for name in of if name in kept):
        mark = MARKS[i % len(MARKS)] if len(along) <= 40 else None
        colour, dash = COLOURS[i % len(COLOURS)], DASHES[i % len(DASHES)]
        axes.plot(along, of[name], label=name, marker=mark, markersize=3.5, color=colour, linestyle=dash)
    axes.set_ylim(0, 1.1 * max((float(np.nanmax([*of[name], 0.0])) for name in kept), default=1.0) or 1.0)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    finish(axes, x="epoch", y=y)
    if kept:
        axes.legend(fontsize=7)
    else:
        axes.text(0.5, 0.5, "nothing of the kind in this net", ha="center", transform=axes.transAxes, fontsize=8)


def _values(row: Mapping[str, Any], key: str, layers: Sequence[str]) -> list[float]:
    """The figure of each named layer in one epoch; NaN where it has none or is infinite."""
    found = {layer["name"]: layer.get(key, np.nan) for layer in row["layers"]}
    return [value if np.isfinite(value := found.get(name, np.nan)) else np.nan for name in layers]


def _by_layer(epochs: Sequence[Mapping[str, Any]], key: str) -> dict[str, list[float]]:
    """Layer -> its figure in every epoch, of the layers that have it."""
    names = dict.fromkeys(layer["name"] for row in epochs for layer in row["layers"] if key in layer)
    return {name: [_values(row, key, [name])[0] for row in epochs] for name in names}
