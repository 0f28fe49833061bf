"""Lines and bars: functions of one variable, straight-through windows, curves of training, side by side."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from ..errors import RangeError, ShapeError
from ..reference.conventions import sign
from .canvas import COLOURS, DASHES, MARKS, Array, Picture, finish, numbers, panels, same_length


def curves(
    x: Sequence[float] | Array, of: Mapping[str, Mapping[str, Sequence[float] | Array]], *, x_label: str,
    title: str = "", log: bool = False,
) -> Picture:  # fmt: skip
    """A panel for each quantity: ``{"loss": {"train": values, "test": values}, "top-1 accuracy": ...}`` over ``x``.

    log: logarithmic y; NaN leaves a gap. Raises ShapeError where a line is not as long as x, RangeError (infinity, log
    of 0 or less).
    """
    along = numbers("x", x, "N")
    if not of:
        raise ShapeError("draw", "quantities", got=0, expected="1 or more")
    figure, axes = panels(1, len(of), title=title)
    for axis, (quantity, lines) in zip(axes, of.items(), strict=True):
        for i, (name, values) in enumerate(lines.items()):
            line = numbers(f"{quantity} of {name}", values, "N", gaps=True)
            same_length(f"{quantity} of {name}", line, len(along))
            if log and np.nanmin(line) <= 0:
                raise RangeError(
                    "draw", f"{quantity} of {name}", got=np.nanmin(line), expected="above 0 on a logarithmic axis"
                )
            mark = MARKS[i % len(MARKS)] if len(along) <= 40 else None
            colour, dash = COLOURS[i % len(COLOURS)], DASHES[i % len(DASHES)]
            axis.plot(along, line, label=name, marker=mark, markersize=3.5, color=colour, linestyle=dash)
        if log:
            axis.set_yscale("log")
        finish(axis, x=x_label, y=quantity)
        axis.legend(fontsize=8)
    return figure


def functions(
    of: Mapping[str, Callable[[Array], Array]], *, low: float = -6.0, high: float = 6.0, title: str = "", y: str = ""
) -> Picture:
    """Functions of one variable z over [low, high], 401 points, each by its name: sigma and sigma', two costs.

    Raises RangeError unless low < high and all values are finite, ShapeError where a function changes the shape.
    """
    if not low < high:
        raise RangeError("draw", "interval", got=(low, high), expected="low < high")
    z = np.linspace(low, high, 401)
    return curves(z, {y or "value": {name: f(z) for name, f in of.items()}}, x_label="z", title=title)


def windows(of: Mapping[str, Callable[[Array], Array]], *, reach: float = 2.0, title: str = "") -> Picture:
    """sign on the left; on the right what each estimator puts in place of its derivative, over [-reach, reach].

    of: name -> gradient that reaches x when 1 arrives at sign(x); ``(N,)`` to ``(N,)``. Raises as ``functions``.
    """
    if not (np.isfinite(reach) and reach > 0):
        raise RangeError("draw", "reach", got=reach, expected="above 0")
    x = np.linspace(-reach, reach, 801)
    figure, (left, right) = panels(1, 2, title=title)
    signs = sign(x)
    for side in (-1, 1):
        left.plot(x[signs == side], signs[signs == side], color=COLOURS[0])
    left.plot([0], [1], "o", color=COLOURS[0], markersize=4)
    left.plot([0], [-1], "o", markerfacecolor="white", color=COLOURS[0], markersize=4)
    finish(left, title="forward", x="x", y="sign(x)")
    for i, (name, gradient) in enumerate(of.items()):
        values = numbers(name, gradient(x), "N")
        same_length(name, values, len(x))
        right.plot(x, values, label=name, color=COLOURS[i % len(COLOURS)], linestyle=DASHES[i % len(DASHES)])
    finish(right, title="backward", x="x", y="gradient in place of d sign / dx")
    right.legend(fontsize=8)
    return figure


def bars(
    of: Mapping[str, float], *, unit: str, title: str = "", log: bool = False, groups: Sequence[str] = ()
) -> Picture:
    """One horizontal bar a name, longest first as given, with its value written; groups: a colour for each bar's kind.

    Raises ShapeError (no bars, groups of another length), RangeError (NaN, infinity, log of 0 or less).
    """
    values = numbers("bars", list(of.values()), "N")
    if log and values.min() <= 0:
        raise RangeError("draw", "bars", got=values.min(), expected="above 0 on a logarithmic axis")
    if groups:
        same_length("groups", groups, len(values))
    kinds = list(dict.fromkeys(groups))
    colours = [COLOURS[kinds.index(g) % len(COLOURS)] for g in groups] or [COLOURS[0]] * len(values)
    figure, (axes,) = panels(width=6.4, height=0.9 + 0.32 * len(values), title=title)
    drawn = axes.barh(list(of), values, color=colours)
    axes.bar_label(drawn, labels=[f"{v:,.4g}" if v < 1e4 else f"{v:,.0f}" for v in values], fontsize=8, padding=3)
    axes.invert_yaxis()
    if log:
        axes.set_xscale("log")
        axes.set_xlim(values.min() / 3, values.max() * 6)
    else:
        axes.set_xlim(min(0.0, float(values.min()) * 1.25), max(0.0, float(values.max()) * 1.25) or 1.0)
    finish(axes, x=unit)
    return figure
