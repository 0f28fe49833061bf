"""Figures of each layer, and what they say: one rule a sickness, each with its layer, its factor and a cure.

The error of layer l is delta^l = dC/dz^l, z^l its output. Backpropagation hands it down by
delta^l = sigma'(z^l) * (W^(l+1))^T delta^(l+1), so one layer's factor |delta^l| / |delta^(l+1)| is about |sigma' w|,
and the factor of the whole depth is their product (Nielsen, 2015, ch. 5). Both are measured, not estimated.

>>> errors = {"0": 1e-6, "2": 1e-4, "4": 0.01, "6": 1.0}
>>> layers = [LayerRow(name, "Linear", True, gradient=error) for name, error in errors.items()]
>>> for finding in Report(1, tuple(layers)).findings:
...     print(finding.text)
2: vanishing gradient, 0.0001 of 6's; 0 gets 1e-06, a factor of 0.01 a layer
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Limits:
    """Where a figure becomes a finding.

    vanishing, exploding: |delta^l| / |delta^L|. dead: share of units that never fired. saturated: share of values where
    the slope is nearly gone. restless: share of binary weights that flip in one step.
    """

    vanishing: float = 1e-3
    exploding: float = 1e3
    dead: float = 0.5
    saturated: float = 0.9
    restless: float = 0.05


@dataclass(frozen=True)
class LayerRow:
    """One layer over the observed steps; None where a figure does not apply.

    kind: the module's class. weighted: holds a matrix or filters.
    mean, std, low, high: of its output. gradient: |dC/d output|, root of the mean square over steps.
    weight, weight_gradient: |W|, |dC/dW|; update: |W_after - W_before| / |W_before|.
    slope: mean |sigma'| of an activation. dead: share of its units (channels) that never were above 0.
    saturation: share of inputs where sigma' is below a tenth of its largest; before a sign, where |x| is outside the
    straight-through window and the gradient 0.
    flips: share of binary weights whose sign changed in a step. broken: steps with NaN or infinity in the output.
    """

    name: str
    kind: str
    weighted: bool = False
    mean: float | None = None
    std: float | None = None
    low: float | None = None
    high: float | None = None
    gradient: float | None = None
    weight: float | None = None
    weight_gradient: float | None = None
    update: float | None = None
    slope: float | None = None
    dead: float | None = None
    saturation: float | None = None
    flips: float | None = None
    broken: int = 0


@dataclass(frozen=True)
class Finding:
    """kind: vanishing, exploding, dead, saturated, frozen, restless, broken, silent; factor: what says so."""

    kind: str
    layer: str
    factor: float
    text: str
    cure: str


COLUMNS = ("std", "gradient", "weight_gradient", "update", "slope", "dead", "saturation", "flips")


@dataclass(frozen=True)
class Report:
    """steps: how many were observed; rows: layers in the order the forward pass met them."""

    steps: int
    rows: tuple[LayerRow, ...]
    limits: Limits = field(default_factory=Limits)

    @property
    def weighted(self) -> tuple[LayerRow, ...]:
        """Layers with weights that a gradient reached or should have."""
        return tuple(row for row in self.rows if row.weighted and row.gradient is not None)

    @property
    def factors(self) -> dict[str, float]:
        """|delta^l| / |delta^(l+1)| of every weighted layer but the last, by name; NaN where the one behind is 0."""
        rows = self.weighted
        return {a.name: _ratio(a.gradient, b.gradient) for a, b in pairwise(rows)}

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What is wrong, worst place first named: of a gradient the layer nearest to the output where it shows."""
        broken = next(self._broken(), None)
        if broken:  # every figure behind NaN is NaN
            return (broken,)
        return (*self._gradients(), *self._units(), *self._bits())

    def _broken(self) -> Iterator[Finding]:
        for row in self.rows:
            if row.broken:
                text = f"{row.name}: NaN or infinity in {row.broken} of {self.steps} steps, the first layer with it"
                yield Finding("broken", row.name, row.broken, text, CURES["broken"])

    def _gradients(self) -> Iterator[Finding]:
        rows = self.weighted
        if not rows:
            return
        last = rows[-1]
        if not last.gradient:
            yield Finding("silent", last.name, 0.0, f"{last.name}: no gradient at all", CURES["silent"])
            return
        ratios = [_ratio(row.gradient, last.gradient) for row in rows[:-1]]
        sick = {"vanishing": lambda ratio: ratio < self.limits.vanishing,
                "exploding": lambda ratio: ratio > self.limits.exploding}  # fmt: skip
        for kind, is_sick in sick.items():
            at = max((i for i, ratio in enumerate(ratios) if is_sick(ratio)), default=None)
            if at is not None:
                a_layer = ratios[0] ** (1 / len(ratios))
                text = (f"{rows[at].name}: {kind} gradient, {ratios[at]:.3g} of {last.name}'s; {rows[0].name} gets "
                        f"{ratios[0]:.3g}, a factor of {a_layer:.3g} a layer")  # fmt: skip
                yield Finding(kind, rows[at].name, ratios[at], text, CURES[kind])

    def _units(self) -> Iterator[Finding]:
        for row in self.rows:
            if row.dead is not None and row.dead >= self.limits.dead:
                yield Finding("dead", row.name, row.dead,
                              f"{row.name}: {100 * row.dead:.0f} % of the units never fire", CURES["dead"])  # fmt: skip
            if row.saturation is not None and row.saturation >= self.limits.saturated:
                yield Finding("saturated", row.name, row.saturation,
                              f"{row.name}: {100 * row.saturation:.0f} % of the inputs are where it has no slope",
                              CURES["saturated"])  # fmt: skip

    def _bits(self) -> Iterator[Finding]:
        for row in self.rows:
            if row.flips == 0:
                yield Finding("frozen", row.name, 0.0, f"{row.name}: no binary weight flipped in {self.steps} steps",
                              CURES["frozen"])  # fmt: skip
            elif row.flips is not None and row.flips >= self.limits.restless:
                yield Finding("restless", row.name, row.flips,
                              f"{row.name}: {100 * row.flips:.1f} % of the binary weights flip in a step",
                              CURES["restless"])  # fmt: skip

    def as_dict(self) -> dict[str, Any]:
        """For JSON: steps, layers (figures that do not apply left out), factors, findings."""
        layers = [{k: v for k, v in asdict(row).items() if v is not None} for row in self.rows]
        factors = {name: value for name, value in self.factors.items() if np.isfinite(value)}
        return {"steps": self.steps, "layers": layers, "factors": factors,
                "findings": [asdict(finding) for finding in self.findings]}  # fmt: skip

    def table(self) -> tuple[list[str], list[list[str]]]:
        """(column names, rows of text) of the figures, for terminals."""
        rows = [[row.name, row.kind, *(_text(getattr(row, column)) for column in COLUMNS)] for row in self.rows]
        return ["layer", "kind", *COLUMNS], rows

    def __str__(self) -> str:
        """The table in plain text, then the findings."""
        names, rows = self.table()
        widths = [max(map(len, column)) for column in zip(names, *rows, strict=True)]
        lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
                 for row in (names, *rows)]  # fmt: skip
        return "\n".join([*lines, *(f"{finding.text}; {finding.cure}" for finding in self.findings)])


CURES = {
    "vanishing": "ReLU instead of a sigmoid, He or fan-in weights, batch norm, shortcuts",
    "exploding": "fan-in or He weights, gradient clipping, batch norm",
    "dead": "lower the learning rate, start biases at 0 or above, leaky ReLU",
    "saturated": "batch norm before it, smaller weights; before a sign a wider window",
    "frozen": "raise the learning rate of latent weights, clip them to [-1, 1], do not decay them",
    "restless": "lower the learning rate",
    "broken": "lower the learning rate, clip gradients",
    "silent": "check that the loss depends on the output",
}


def _ratio(a: float | None, b: float | None) -> float:
    return float("nan") if a is None or not b else a / b


def _text(value: float | None) -> str:
    return "" if value is None else f"{value:.3g}"
