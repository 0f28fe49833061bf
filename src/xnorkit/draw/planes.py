"""The plane of two inputs: points of two classes and the line, or the curve, a classifier draws between them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..errors import RangeError, ShapeError
from .canvas import COLOURS, Array, Picture, finish, numbers, panels, same_length

STEPS = 201
"""Points a side on which the classifier is asked."""


def decision(
    x: Array, y: Array, score: Callable[[Array], Array], *, title: str = "", names: tuple[str, str] = ("x1", "x2")
) -> Picture:
    """Points ``x (N, 2)``, labels ``y (N,)`` of two values, and where ``score`` of points ``(M, 2)`` changes sign.

    The lower label is an orange square, the higher a blue disc, each side shaded so; the line is score = 0.
    Raises ShapeError, RangeError (more than two labels, NaN, a score that is not finite).
    """
    points, labels = numbers("x", x, "N 2"), numbers("y", y, "N")
    if points.shape[1] != 2:
        raise ShapeError("draw", "x", got=points.shape, expected="(N, 2)")
    same_length("y", labels, len(points))
    found = np.unique(labels)
    if len(found) > 2:
        raise RangeError("draw", "labels", got=found[:5].tolist(), expected="at most two values")
    low, high = points.min(axis=0), points.max(axis=0)
    room = np.maximum(0.35 * (high - low), 0.25)
    sides = [np.linspace(low[i] - room[i], high[i] + room[i], STEPS) for i in (0, 1)]
    first, second = np.meshgrid(*sides)
    heights = numbers("score", score(np.stack([first.ravel(), second.ravel()], axis=1)), "M")
    same_length("score", heights, STEPS * STEPS)
    plane = heights.reshape(STEPS, STEPS)
    figure, (axes,) = panels(width=4.4, height=3.8, title=title)
    axes.contourf(first, second, plane >= 0, levels=[-0.5, 0.5, 1.5], colors=[COLOURS[1], COLOURS[0]], alpha=0.18)
    if plane.min() < 0 <= plane.max():
        axes.contour(first, second, plane, levels=[0.0], colors="black", linewidths=1.2)
    size = 7 if len(points) <= 150 else 4
    for value, mark, colour in zip(found[::-1], "os", COLOURS, strict=False):
        own = points[labels == value]
        axes.plot(
            own[:, 0], own[:, 1], mark, color=colour, label=f"{value:g}", markeredgecolor="white", markersize=size
        )
    finish(axes, x=names[0], y=names[1], grid=False)
    axes.legend(title="class", fontsize=8)
    return figure
