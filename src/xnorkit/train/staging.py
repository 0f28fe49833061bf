"""How a recipe's stages are written: what each may change, and how it names the ones before it.

>>> merged({"data": {"shift": 0}, "train": {"epochs": 3, "batch": 50}}, {"name": "b", "train.epochs": 5}, "stages.1")
{'data': {'shift': 0}, 'train': {'epochs': 5, 'batch': 50}}
"""

from __future__ import annotations

import copy
import re
from collections.abc import Iterable, Mapping
from typing import Any

from xnorkit.errors import RecipeError

STAGE_DATA = ("shift", "flip")
"""Keys of ``data`` that may differ between stages: all of them train on the same pictures."""
NOT_OF_STAGES = ("name", "description", "stages")
PREVIOUS = "previous"


def stage_name(changes: Mapping[str, Any], number: int, taken: Iterable[str]) -> str:
    """The name a stage gives itself, or ``stageN``. Raises RecipeError for one that is taken or no folder's name."""
    name = changes.get("name", f"stage{number + 1}")
    if not isinstance(name, str) or not re.fullmatch(r"[\w-]+", name) or name in (*taken, PREVIOUS):
        raise RecipeError(f"stages.{number}.name", "bad name", got=name, expected="letters, digits, - and _, used once")
    return name


def merged(base: Mapping[str, Any], changes: Mapping[str, Any], where: str) -> dict[str, Any]:
    """``base``, nested mappings, with what a stage says: nested mappings too, or dotted keys.

    Raises
    ------
    RecipeError: a key that no stage may have. Unknown keys inside a section are left to the recipe to refuse.
    """
    values = copy.deepcopy(dict(base))
    for key, value in changes.items():
        head, _, rest = str(key).partition(".")
        if head == "name" and not rest:
            continue
        if head in NOT_OF_STAGES or head not in values:
            raise RecipeError(f"{where}.{head}", "not a key of a stage", got=head,
                              expected="one of " + ", ".join(k for k in values if k not in NOT_OF_STAGES))  # fmt: skip
        told = {rest: value} if rest else value
        if head == "data" and isinstance(told, Mapping) and (wrong := sorted(set(map(str, told)) - set(STAGE_DATA))):
            raise RecipeError(f"{where}.data", "stages train on the same pictures", got=", ".join(wrong),
                              expected=" or ".join(STAGE_DATA))  # fmt: skip
        _put(values, head, told)
    return values


def _put(values: dict[str, Any], key: str, told: Any) -> None:
    """Set one key; a mapping goes into the mapping that is there, and dotted keys of it go further in."""
    inner = values.get(key)
    if not (isinstance(inner, dict) and isinstance(told, Mapping)):
        values[key] = told
        return
    for name, value in told.items():
        head, _, rest = str(name).partition(".")
        _put(inner, head, {rest: value} if rest else value)


def stage_reference(text: str | None) -> tuple[str, str] | None:
    """(stage, ``best`` or ``last``) of ``stage:NAME`` or ``stage:NAME/last``; None for a path and for None.

    >>> stage_reference("stage:previous"), stage_reference("stage:first/last"), stage_reference("runs/stage:a")
    (('previous', 'best'), ('first', 'last'), None)
    """
    if text is None or not text.startswith("stage:"):
        return None
    name, _, which = text.removeprefix("stage:").partition("/")
    if which not in ("", "best", "last"):
        raise RecipeError("stage", "no such checkpoint", got=text, expected="stage:NAME, stage:NAME/best or /last")
    return name, which or "best"


def check_reference(text: str | None, earlier: Iterable[str], where: str) -> None:
    """Raises RecipeError for ``stage:NAME`` of a stage that is not among the earlier ones."""
    reference, names = stage_reference(text), list(earlier)
    if reference and reference[0] not in (*names, *([PREVIOUS] if names else [])):
        raise RecipeError(where, "no such stage before it", got=text,
                          expected=", ".join(f"stage:{name}" for name in names) or "a path")  # fmt: skip
