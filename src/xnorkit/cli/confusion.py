"""The confusion matrix as a picture."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import MissingDependencyError
from ..format.atomic import write_atomic


def draw(confusion: NDArray[np.int64], classes: Sequence[str], title: str, path: str) -> None:
    """A PNG: row = true class, column = predicted class, shade = share of the row, number = count (up to 20 classes).

    Raises MissingDependencyError without matplotlib, SaveError when the file cannot be written.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        hint = 'pip install "xnorkit[train]"'
        raise MissingDependencyError("confusion", "matplotlib is needed to draw", hint=hint) from error
    count = len(classes)
    side = max(4.0, 0.55 * min(count, 60) + 2)
    figure = Figure(figsize=(side, side), layout="constrained")
    axes = figure.subplots()
    shares = confusion / np.maximum(confusion.sum(axis=1, keepdims=True), 1)
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    axes.set(title=title, xlabel="predicted", ylabel="true")
    if count <= 60:
        axes.set_xticks(range(count), classes, rotation=60, ha="right", rotation_mode="anchor")
        axes.set_yticks(range(count), classes)
    if count <= 20:
        _write_counts(axes, confusion, shares)
    picture = io.BytesIO()
    figure.savefig(picture, format="png", dpi=120)
    write_atomic(path, [picture.getvalue()])


def _write_counts(axes: Any, confusion: NDArray[np.int64], shares: NDArray[np.float64]) -> None:
    for row, column in zip(*np.nonzero(confusion), strict=True):
        colour = "white" if shares[row, column] > 0.5 else "black"
        axes.text(column, row, int(confusion[row, column]), ha="center", va="center", color=colour, fontsize=7)
