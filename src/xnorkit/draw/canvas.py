"""What all pictures share: a figure that notebooks and the site show by themselves, panels, colours, refusals.

No global state: no figure is registered anywhere, so that pictures can be drawn from threads and never pile up.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import MissingDependencyError, RangeError, ShapeError

try:
    from matplotlib.axes import Axes
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.patches import Rectangle
    from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter
except ImportError as error:
    hint = 'pip install "xnorkit[train]"'
    raise MissingDependencyError("draw", "matplotlib is needed to draw", hint=hint) from error

Array = NDArray[Any]

__all__ = [
    "COLOURS", "DASHES", "DPI", "MARKS", "Array", "Axes", "MaxNLocator", "Picture", "Rectangle", "finish",
    "logarithmic", "numbers", "panels", "render", "same_length",
]  # fmt: skip

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000", "#F0E442")
"""Told apart by colour-blind readers too (Okabe and Ito, 2008); lines differ in mark and dash besides."""
DASHES = ("-", "--", "-.", ":")
MARKS = ("o", "s", "^", "D", "v", "P", "X", "*")
DPI = 120


class Picture(Figure):
    """A matplotlib figure that Jupyter and the site's builder show as PNG."""

    def _repr_png_(self) -> bytes:
        return render(self)


def panels(
    rows: int = 1, columns: int = 1, *, width: float = 4.2, height: float = 3.2, title: str = ""
) -> tuple[Picture, list[Axes]]:
    """A figure and its axes row by row; width and height of one panel in inches.

    >>> figure, axes = panels(1, 2, title="two")
    >>> len(axes)
    2
    """
    figure = Picture(figsize=(width * columns, height * rows), layout="constrained")
    FigureCanvasAgg(figure)
    if title:
        figure.suptitle(title)
    return figure, list(figure.subplots(rows, columns, squeeze=False).flat)


def render(figure: Figure, form: str = "png", dpi: int = DPI) -> bytes:
    """The figure as the bytes of a file: ``png``, ``svg`` or ``pdf``; whoever writes it chooses how.

    Raises RangeError for another form.
    """
    if form not in ("png", "svg", "pdf"):
        raise RangeError("draw", "form of picture", got=form, expected="png, svg or pdf")
    data = io.BytesIO()
    figure.savefig(data, dpi=dpi, format=form)
    return data.getvalue()


def logarithmic(axes: Axes) -> None:
    """A logarithmic x axis with plain numbers at 1, 2 and 5 of each decade, or at 1 alone where there are many."""
    axes.set_xscale("log")
    low, high = axes.get_xlim()
    axes.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0) if high < 20 * low else (1.0,)))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:,.10g}"))
    axes.xaxis.set_minor_formatter(NullFormatter())


def finish(axes: Axes, *, title: str = "", x: str = "", y: str = "", grid: bool = True) -> None:
    """Title, labels and a light grid."""
    axes.set(title=title, xlabel=x, ylabel=y)
    if grid:
        axes.grid(alpha=0.3)


def numbers(what: str, values: object, axes: str, *, gaps: bool = False) -> NDArray[np.float64]:
    """``values`` as finite float64 with the named axes, e.g. "H W", none of them empty; gaps: NaN is let through.

    Raises ShapeError for another number of axes or no values, RangeError for NaN, infinity or what is no number.
    """
    expected = axes.split()
    try:
        found = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise RangeError("draw", what, got=type(values).__name__, expected="numbers in rows of one length") from error
    if found.ndim != len(expected) or found.size == 0:
        raise ShapeError("draw", what, got=found.shape, expected=f"({', '.join(expected)}), not empty")
    if not (np.isfinite(found) | (gaps & np.isnan(found))).all():
        raise RangeError("draw", what, got="NaN or infinity", expected="finite values")
    return found


def same_length(what: str, got: Sequence[Any] | Array, expected: int) -> None:
    """Refuse another number of values than ``expected``. Raises ShapeError."""
    if len(got) != expected:
        raise ShapeError("draw", what, got=len(got), expected=expected)
