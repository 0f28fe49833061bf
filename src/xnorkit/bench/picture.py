"""Pictures of a run: the roofline of our kernels; bars of all systems side by side. Only here is matplotlib needed."""

from __future__ import annotations

from collections.abc import Sequence

from .. import draw
from ..draw import COLOURS, Picture
from ..format.atomic import write_atomic
from .layers import LayerRow
from .race import Row

KINDS = {"binary": COLOURS[0], "int8": COLOURS[5], "fp32": COLOURS[1], "textbook": "0.5"}
"""The colour of each kind of system; grey for the textbook loop."""


def roofline(rows: Sequence[LayerRow], bandwidths: dict[str, float], path: str, title: str) -> None:
    """G multiply-adds/s over multiply-adds a byte, each kernel under its own peak; slopes are memory's gigabytes/s.

    Raises SaveError.
    """
    figure, (axes,) = draw.panels(width=11, height=6.5)
    intensities = sorted(row.intensity for row in rows)
    left, right = intensities[0] / 2, intensities[-1] * 4
    peaks = {row.peak: row.peak_gmacs / row.threads for row in rows if row.peak_gmacs is not None}
    for name, gmacs in peaks.items():
        axes.axhline(gmacs, color="black", linewidth=0.8)
        axes.text(right, gmacs, f" {name}\n {gmacs:.0f} G/s", va="center", fontsize=7)
    for where, gigabytes in bandwidths.items():
        axes.plot([left, right], [left * gigabytes, right * gigabytes], "--", color="gray", linewidth=0.8)
        near = max(left * 1.1, min(row.gmacs for row in rows) / gigabytes)
        axes.text(
            near, near * gigabytes, f"{where} {gigabytes:.0f} GB/s ", fontsize=7, color="gray", ha="left", va="top"
        )
    for kernel in dict.fromkeys(row.kernel for row in rows):
        own = [row for row in rows if row.kernel == kernel]
        axes.plot([r.intensity for r in own], [r.gmacs for r in own], "o", markersize=4, label=kernel)
    fastest = {row.layer: row for row in sorted(rows, key=lambda row: row.gmacs)}
    for row in fastest.values():
        axes.annotate(row.layer, (row.intensity, row.gmacs), fontsize=6, xytext=(3, 3), textcoords="offset points")
    axes.set(xscale="log", yscale="log", xlabel="multiply-adds / byte", ylabel="G multiply-adds / s", title=title)
    axes.set_xlim(left, right)
    axes.set_ylim(min(row.gmacs for row in rows) / 2, 2 * max([*peaks.values(), *(row.gmacs for row in rows)]))
    axes.legend(fontsize=7, loc="lower right")
    _save(figure, path)


def bars(rows: Sequence[Row], path: str, title: str) -> None:
    """Minimum milliseconds of every verified row, a panel for each work. Raises SaveError."""
    works = list(dict.fromkeys(row.work for row in rows if row.min_ms is not None))
    columns = min(len(works), 2)
    lines = -(-len(works) // columns)
    most = max(sum(row.work == work for row in rows) for work in works)
    figure, panels = draw.panels(lines, columns, width=7, height=0.8 + 0.22 * most)
    for axes, work in zip(panels, works, strict=False):
        own = sorted((row for row in rows if row.work == work and row.min_ms), key=lambda row: -(row.min_ms or 0))
        values = [row.min_ms or 0.0 for row in own]
        drawn = axes.barh([row.system for row in own], values, color=[KINDS[row.kind] for row in own])
        axes.bar_label(drawn, fmt="%.3g", fontsize=7, padding=2)
        axes.set_xscale("log")
        axes.set_xlim(min(values) / 3, max(values) * 2)  # room before the shortest bar and for the last label
        axes.xaxis.set_major_formatter("{x:g}")
        axes.xaxis.set_minor_formatter("")
        axes.set_title(f"{work}, ms (logarithmic)", fontsize=9)
        axes.tick_params(labelsize=7)
    for axes in panels[len(works) :]:
        axes.remove()
    figure.suptitle(title, fontsize=10)
    _save(figure, path)


def _save(figure: Picture, path: str) -> None:
    form = path.rpartition(".")[2].lower()
    write_atomic(path, [draw.render(figure, form if form in ("png", "svg", "pdf") else "png", dpi=130)])
