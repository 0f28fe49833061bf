"""Pictures of arrays: feature maps, filters, the confusion of classes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..errors import RangeError
from .canvas import Array, Picture, numbers, panels, same_length


def maps(
    values: Array, *, names: Sequence[str] = (), columns: int = 6, title: str = "", signed: bool = False
) -> Picture:
    """One small picture for each of ``(N, H, W)``, all on one scale that a bar names.

    signed: zero is white, negative orange, positive blue; otherwise dark is low. Raises ShapeError, RangeError.
    """
    found = numbers("maps", values, "N H W")
    if names:
        same_length("names", names, len(found))
    if columns < 1:
        raise RangeError("draw", "columns", got=columns, expected="1 or more")
    columns = min(columns, len(found))
    figure, axes = panels(-(-len(found) // columns), columns, width=1.35, height=1.45 + 0.15 * bool(names), title=title)
    reach = float(np.abs(found).max()) or 1.0
    low, high, colours = (-reach, reach, "PuOr") if signed else (float(found.min()), float(found.max()), "gray")
    for i, axis in enumerate(axes):
        if i >= len(found):
            axis.remove()
            continue
        shown = axis.imshow(found[i], cmap=colours, vmin=low, vmax=high, interpolation="nearest")
        axis.set(xticks=[], yticks=[])
        if names:
            axis.set_title(names[i], fontsize=8)
    figure.colorbar(shown, ax=axes[: len(found)], shrink=0.8)
    return figure


def confusion(counts: Array, classes: Sequence[str], title: str = "") -> Picture:
    """``counts (C, C)``: row = true class, column = predicted, shade = share of the row, number = count.

    Numbers are written up to 20 classes. Raises ShapeError, RangeError (a negative count, NaN).
    """
    found = numbers("counts", counts, "C C")
    count = len(classes)
    same_length("rows", found, count)
    same_length("columns", found.T, count)
    if found.min() < 0:
        raise RangeError("draw", "counts", got=found.min(), expected="0 or more")
    side = max(4.0, 0.55 * min(count, 60) + 2)
    figure, (axes,) = panels(width=side, height=side)
    shares = found / np.maximum(found.sum(axis=1, keepdims=True), 1)
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    axes.set(title=title, xlabel="predicted", ylabel="true")
    if count <= 60:
        axes.set_xticks(range(count), classes, rotation=60, ha="right", rotation_mode="anchor")
        axes.set_yticks(range(count), classes)
    if count <= 20:
        _write_counts(axes, found, shares)
    return figure


def _write_counts(axes: Any, counts: Array, shares: Array) -> None:
    for row, column in zip(*np.nonzero(counts), strict=True):
        colour = "white" if shares[row, column] > 0.5 else "black"
        axes.text(column, row, int(counts[row, column]), ha="center", va="center", color=colour, fontsize=7)
