"""THE STAGE TABLE: ways to make a net smaller. ``xnorkit compress``, docs and ``xnorkit list stages`` read it.

>>> [stage.text for stage in parse_stages("prune:0.9:rounds=2,share:5,huffman")]
['prune:0.9:rounds=2', 'share:5', 'huffman']
"""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import yaml

from ...errors import RecipeError
from ...train.config import build
from .base import Stage
from .code import Fields, Huffman
from .filters import Filters
from .hash import Hash
from .lowrank import LowRank
from .prune import Prune
from .share import Share
from .shrink import Shrink
from .vector import Vector

STAGES: dict[str, type[Stage]] = {
    row.name: row for row in (Prune, Filters, Shrink, Share, Vector, Hash, LowRank, Fields, Huffman)
}


def parse_stages(text: str) -> tuple[Stage, ...]:
    """Stages of ``NAME[:VALUE][:KEY=VALUE]...``, separated by commas.

    A key that is no option of the stage names a layer, where the stage has values for single layers.
    Raises RecipeError for an unknown stage, key, or value.
    """
    found = tuple(_parse(part.strip()) for part in text.split(",") if part.strip())
    if not found:
        raise RecipeError("compress", "no stages", got=text, expected="e.g. prune:0.9,share:5,huffman")
    return found


def _parse(text: str) -> Stage:
    name, *given = text.split(":")
    if name not in STAGES:
        raise RecipeError("compress", "unknown stage", got=name, expected="one of " + ", ".join(STAGES))
    row = STAGES[name]
    keys = {item.name for item in fields(row)}
    values: dict[str, Any] = {}
    for i, part in enumerate(given):
        key, separator, value = part.partition("=")
        if not separator:
            if i or not row.main:
                raise RecipeError(
                    name, "bad option", got=part, expected="KEY=VALUE" + ("" if i else ", no value alone")
                )
            key, value = row.main, part
        read = yaml.safe_load(value)
        if key in keys and key != "layers":
            values[key] = read
        elif "layers" in keys and not isinstance(read, (str, bool, type(None))):
            values.setdefault("layers", {})[key] = read
        else:
            values[key] = read
    return build(row, values, name)
