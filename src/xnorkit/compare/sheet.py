"""A comparison as a YAML file: the recipe, the schemes with what is each one's own, the seeds.

recipe: fashion-mnist-vgg-small            # a shipped name, or a file beside this one
recipe_for_all: {train.epochs: 12}         # as -o
seeds: [0, 1, 2]
schemes:
  - fp32
  - C-B-A-P = xnor[order=cbap]
  - scheme: bop
    label: Bop, faster
    recipe: {optim.binary.lr: 1.0e-3, train.batch: 50}
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from ..errors import RecipeError
from ..train.recipe import shipped
from .entry import Entry, check_overrides, read_entry

KEYS = ("recipe", "recipe_for_all", "seeds", "schemes")


@dataclass(frozen=True)
class Sheet:
    """What such a file says. overrides: ``key=value`` texts for all."""

    recipe: str
    entries: tuple[Entry, ...]
    seeds: tuple[int, ...]
    overrides: tuple[str, ...]
    name: str


def is_sheet(path: str | Path) -> bool:
    """Whether a file holds a comparison rather than a recipe: it has ``schemes``."""
    if not Path(path).is_file():
        return False
    try:
        values = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError, OSError):
        return False
    return isinstance(values, Mapping) and "schemes" in values


def read_sheet(path: str | Path) -> Sheet:
    """Raises RecipeError with the key that is wrong, RangeError for an unknown scheme."""
    path = Path(path)
    values = yaml.safe_load(path.read_text(encoding="utf-8"))
    for key in values:
        if key not in KEYS:
            raise RecipeError(f"{path.name}: {key}", "unknown key", got=key, expected="one of " + ", ".join(KEYS))
    recipe, seeds, schemes = values.get("recipe"), values.get("seeds", [0]), values["schemes"]
    if not isinstance(recipe, str):
        raise RecipeError(f"{path.name}: recipe", "wrong type", got=repr(recipe), expected="a name or a path")
    if not (isinstance(seeds, list) and all(isinstance(seed, int) and seed >= 0 for seed in seeds)):
        raise RecipeError(f"{path.name}: seeds", "wrong type", got=repr(seeds), expected="a list of numbers from 0 on")
    if not (isinstance(schemes, list) and schemes):
        raise RecipeError(f"{path.name}: schemes", "wrong type", got=repr(schemes), expected="a list of schemes")
    beside = path.parent / recipe
    source = str(beside) if recipe not in shipped() and beside.is_file() else recipe
    overrides = _texts(values.get("recipe_for_all", {}), f"{path.name}: recipe_for_all")
    entries = tuple(_entry(item, f"{path.name}: schemes") for item in schemes)
    return Sheet(source, entries, tuple(seeds), overrides, path.stem)


def _entry(item: Any, where: str) -> Entry:
    if isinstance(item, str):
        return read_entry(item)
    known = {"scheme", "label", "recipe"}
    if not isinstance(item, Mapping) or not isinstance(item.get("scheme"), str) or set(item) - known:
        raise RecipeError(where, "wrong entry", got=repr(item), expected="text, or scheme, label and recipe")
    found = read_entry(item["scheme"])
    overrides = _texts(item.get("recipe", {}), where)
    check_overrides(overrides)
    return Entry(found.scheme, str(item.get("label", found.label)), overrides)


def _texts(values: Any, where: str) -> tuple[str, ...]:
    """``key=value`` for each dotted key of a mapping."""
    if not isinstance(values, Mapping):
        raise RecipeError(where, "wrong type", got=repr(values), expected="a mapping of dotted keys to values")
    return tuple(f"{key}={json.dumps(value)}" for key, value in values.items())
