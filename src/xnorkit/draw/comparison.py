"""Ways to do one thing, compared: what each reaches against what it costs, and how it got there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..errors import RangeError, ShapeError
from .canvas import COLOURS, DASHES, MARKS, Axes, MaxNLocator, Picture, finish, logarithmic, numbers, panels

SPAN = 25.0
"""Points of accuracy that a panel shows below the best score."""


def comparison(
    curves: Mapping[str, Sequence[float]],
    costs: Mapping[str, Mapping[str, float | None]],
    scores: Mapping[str, float | None],
    spread: Mapping[str, float | None],
    *,
    title: str = "",
) -> Picture:
    """A panel for each cost (logarithmic), with accuracy in percent and its spread, and one of accuracy over epochs.

    curves: name -> accuracy 0..1 after each epoch, as many as there are; it says which names there are.
    costs: axis label -> name -> cost above 0. scores, spread: name -> accuracy 0..1 at the end and its deviation.
    None, or a name left out, is not known yet: that mark is left out, the legend keeps the name. Numbers more than
    SPAN points below the best, a run that fell apart, are out of sight, so that the others can be told apart.
    Raises ShapeError (no names), RangeError (NaN, infinity, a cost of 0 or less).
    """
    names = list(curves)
    if not names:
        raise ShapeError("draw", "names", got=0, expected="1 or more")
    height = max(3.2, 0.22 * len(names) + 1.0)
    figure, axes = panels(1, len(costs) + 1, height=height, title=title)
    for axis, (label, of) in zip(axes, costs.items(), strict=False):
        for i, name in enumerate(names):
            cost, score = of.get(name), scores.get(name)
            if cost is not None and score is not None:
                _mark(axis, i, label, cost, score, spread.get(name))
        logarithmic(axis)
        _shorten(axis, [100 * score for score in scores.values() if score is not None])
        finish(axis, x=label, y="top-1 accuracy, %")
    for i, name in enumerate(names):
        line = 100 * numbers(f"accuracy of {name}", curves[name], "N") if len(curves[name]) else np.empty(0)
        style: dict[str, Any] = {"color": _colour(i), "linestyle": DASHES[i // len(COLOURS) % len(DASHES)]}
        style |= {"marker": _shape(i), "markersize": 4, "markevery": max(1, len(line) // 8)}
        axes[-1].plot(range(1, len(line) + 1), line, label=name, **style)
    _shorten(axes[-1], [100 * score for line in curves.values() for score in line])
    axes[-1].xaxis.set_major_locator(MaxNLocator(integer=True))
    finish(axes[-1], x="epoch", y="accuracy after it, %")
    figure.legend(*axes[-1].get_legend_handles_labels(), loc="outside right upper", fontsize=8)
    return figure


def _shorten(axis: Axes, percents: Sequence[float]) -> None:
    """End the axis below the least number that is within SPAN of the largest, where others are below that."""
    shown = [percent for percent in percents if percent >= max(percents) - SPAN]
    if len(shown) < len(percents):
        margin = 0.06 * (max(shown) - min(shown)) or 1.0
        axis.set_ylim(min(shown) - margin, max(shown) + margin)


def _mark(axis: Axes, i: int, label: str, cost: float, score: float, spread: float | None) -> None:
    x, y = numbers(label, [cost], "N"), 100 * numbers("accuracy", [score], "N")
    if x[0] <= 0:
        raise RangeError("draw", label, got=cost, expected="above 0 on a logarithmic axis")
    error = None if spread is None else 100 * numbers("deviation", [spread], "N")
    axis.errorbar(x, y, yerr=error, color=_colour(i), marker=_shape(i), markersize=6, linestyle="none", capsize=2)


def _colour(i: int) -> str:
    return COLOURS[i % len(COLOURS)]


def _shape(i: int) -> str:
    """Marks shift by one with every round of colours: 64 names differ."""
    return MARKS[(i + i // len(COLOURS)) % len(MARKS)]
