"""A net that gets smaller: bytes and accuracy after each stage."""

from __future__ import annotations

from collections.abc import Sequence

from .canvas import COLOURS, Picture, finish, numbers, panels, same_length


def shrinking(stages: Sequence[str], sizes: Sequence[float], scores: Sequence[float], *, title: str = "") -> Picture:
    """Bars of bytes on a logarithmic axis, and accuracy in percent, from the first stage to the last.

    sizes: bytes above 0; scores: accuracy 0..1. Raises ShapeError for other lengths, RangeError for NaN or infinity.
    """
    same_length("sizes", sizes, len(stages))
    same_length("scores", scores, len(stages))
    size, score = numbers("sizes", sizes, "N"), 100 * numbers("scores", scores, "N")
    figure, axes = panels(1, 2, height=1.2 + 0.4 * len(stages), width=5.0, title=title)
    places = list(range(len(stages)))[::-1]
    axes[0].barh(places, size, color=COLOURS[0])
    axes[0].set_xscale("log")
    axes[0].set_yticks(places, list(stages))
    for place, value in zip(places, size, strict=True):
        axes[0].annotate(f" {value:,.0f}", (value, place), va="center", fontsize=8)
    axes[0].set_xlim(size.min() / 3, size.max() * 8)
    finish(axes[0], x="bytes of the file")
    axes[1].plot(score, places, color=COLOURS[1], marker="o")
    axes[1].set_yticks(places, [""] * len(stages))
    finish(axes[1], x="top-1 accuracy, %")
    return figure
