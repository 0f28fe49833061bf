"""``xnorkit list``: what there is, read from the tables."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from .output import Output
from .verb import need_torch, verb

Rows = tuple[list[str], list[list[Any]]]


def _models() -> Rows:
    need_torch("list models")
    from ..models import MODELS

    return ["model", "about"], [[row.name, row.doc] for row in MODELS.values()]


def _methods() -> Rows:
    need_torch("list methods")
    from ..nn.schemes import SCHEMES

    rows = [[row.name, row.about, row.packs, row.costs, row.source] for row in SCHEMES.values()]
    return ["method", "about", "packs", "costs", "source"], rows


def _quantizers() -> Rows:
    need_torch("list quantizers")
    from ..nn.quantizers.table import QUANTIZERS

    rows = [[name, kind, _first_line(row)] for (kind, name), row in QUANTIZERS.items()]
    return ["quantizer", "of", "about"], rows


def _ops() -> Rows:
    from ..reference.ops import OPS

    return ["op", "exact", "about"], [[op.name, op.exact, op.doc] for op in OPS.values()]


def _kernels() -> Rows:
    from ..runtime.cpu import kernels

    rows = [[row["family"], row["name"], row["isa"], row["runs_here"]] for row in kernels()]
    return ["family", "kernel", "needs", "runs here"], rows


def _datasets() -> Rows:
    from ..train.data.datasets import DATASETS, locate

    rows = []
    for row in DATASETS.values():
        found = locate(row, "test")
        place = "not found" if found is None else str(found[1][0].parent) if found[1] else "scikit-learn"
        rows.append([row.name, "x".join(map(str, row.shape)), row.sizes["train"], row.sizes["test"], place, row.about])
    return ["dataset", "shape", "train", "test", "found", "about"], rows


def _recipes() -> Rows:
    from ..train.recipe import load, shipped

    return ["recipe", "about"], [[name, load(path).description] for name, path in shipped().items()]


def _stages() -> Rows:
    need_torch("list stages")
    from ..compress.stages.table import STAGES
    from ..train.config import describe

    rows = []
    for name, stage in STAGES.items():
        rows.append([name, "", "", stage.doc])
        rows += [[name, f"{item.key} (or alone)" if item.key == stage.main else item.key, item.default, item.help]
                 for item in describe(stage)]  # fmt: skip
    return ["stage", "option", "default", "about"], rows


def _codecs() -> Rows:
    from ..reference.codecs.table import CODECS

    return ["codec", "parts", "about"], [[row.name, ", ".join(row.parts), row.doc] for row in CODECS.values()]


def _zoo() -> Rows:
    from .. import zoo

    rows = [[m.name, m.dataset, m.file.stat().st_size, m.doc] for m in zoo.MODELS.values()]
    return ["model", "dataset", "bytes", "about"], rows


KINDS: dict[str, Callable[[], Rows]] = {
    "models": _models,
    "methods": _methods,
    "quantizers": _quantizers,
    "ops": _ops,
    "kernels": _kernels,
    "datasets": _datasets,
    "recipes": _recipes,
    "stages": _stages,
    "codecs": _codecs,
    "zoo": _zoo,
}
"""What can be listed: kind -> columns and rows."""


@verb("list", example="xnorkit list models\nxnorkit list datasets --json -")
@click.argument("kind", type=click.Choice(list(KINDS)))
def command(out: Output, kind: str) -> None:
    """List models, methods, quantizers, ops, kernels, datasets, recipes, stages, codecs or the zoo."""
    columns, rows = KINDS[kind]()
    out.table(columns, rows)
    out.result({kind: [dict(zip(columns, row, strict=True)) for row in rows]})


def _first_line(thing: object) -> str:
    return (thing.__doc__ or "").strip().splitlines()[0]
