"""Frozen dataclasses that refuse nonsense: the machinery under ``recipe.py``.

A section is a frozen dataclass deriving from `Section`; each field is made by `option`, which carries the help text,
the closed list of choices and the range. The same metadata checks values, prints ``--help`` and lists near misses.

>>> @dataclass(frozen=True)
... class Pizza(Section):
...     slices: int = option(8, "pieces to cut", low=1)
>>> build(Pizza, {"slices": 4}, "pizza")
Pizza(slices=4)
>>> build(Pizza, {"slcies": 4}, "pizza")
Traceback (most recent call last):
    ...
xnorkit.errors.RecipeError: [pizza.slcies] unknown key: got slcies, expected one of slices
hint: did you mean slices?
"""

from __future__ import annotations

import difflib
import math
import types
import typing
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, dataclass, field, fields, is_dataclass
from typing import Any, TypeVar

from xnorkit.errors import RecipeError

S = TypeVar("S", bound="Section")


def option(default: Any, help: str, *, choices: tuple[str, ...] = (), low: float | None = None,
           high: float | None = None, above: float | None = None) -> Any:  # fmt: skip
    """A dataclass field with its documentation and domain: ``low <= value <= high``, ``value > above``."""
    meta = {"help": help, "choices": choices, "low": low, "high": high, "above": above}
    if isinstance(default, dict):
        return field(default_factory=lambda: dict(default), metadata=meta)
    return field(default=default, metadata=meta)


def section(cls: type[S], help: str) -> Any:
    """A field holding a nested `Section` with its own defaults."""
    return field(default_factory=cls, metadata={"help": help})


@dataclass(frozen=True)
class Section:
    """Base of recipe sections; checks every field's type and domain when made.

    Raises
    ------
    RecipeError: a value of the wrong type, outside its range or its choices.
    """

    def __post_init__(self) -> None:
        for name, kind, meta in _schema(type(self)):
            value = _coerce(getattr(self, name), kind, name)
            _check_domain(value, meta, name)
            object.__setattr__(self, name, value)
        self.check()

    def check(self) -> None:
        """Rules between fields; a section with such rules overrides it."""


def _schema(cls: type[Any]) -> Iterator[tuple[str, Any, Mapping[str, Any]]]:
    hints = typing.get_type_hints(cls)
    for item in fields(cls):
        yield item.name, hints[item.name], item.metadata


def _kind_name(kind: Any) -> str:
    if isinstance(kind, types.UnionType):
        return " or ".join("null" if arm is type(None) else _kind_name(arm) for arm in typing.get_args(kind))
    if typing.get_origin(kind) is tuple:
        return f"a list of {_kind_name(typing.get_args(kind)[0])}"
    if typing.get_origin(kind) is dict or _nested(kind):
        return "a mapping"
    return {int: "an integer", float: "a number", str: "text", bool: "true or false"}[kind]


def _coerce(value: Any, kind: Any, key: str) -> Any:
    """The value as ``kind``; int widens to float, and text such as 1e-3 (text in YAML 1.1) reads as a number."""
    refusal = RecipeError(key, "wrong type", got=repr(value), expected=_kind_name(kind))
    if isinstance(kind, types.UnionType):
        arms = typing.get_args(kind)
        if value is None and type(None) in arms:
            return None
        return _coerce(value, next(arm for arm in arms if arm is not type(None)), key)
    if typing.get_origin(kind) is tuple:
        if not isinstance(value, (list, tuple)):
            raise refusal
        return tuple(_coerce(item, typing.get_args(kind)[0], key) for item in value)
    if typing.get_origin(kind) is dict:
        if not isinstance(value, Mapping):
            raise refusal
        return dict(value)
    if kind is float and not isinstance(value, bool):
        try:
            number = float(value) if isinstance(value, (int, float, str)) else math.nan
        except (ValueError, OverflowError):
            raise refusal from None
        if not math.isfinite(number):
            raise refusal
        return number
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise refusal
    return value


def _check_domain(value: Any, meta: Mapping[str, Any], key: str) -> None:
    if value is None or not meta:
        return
    choices = meta.get("choices") or ()
    if choices and value not in choices:
        near = difflib.get_close_matches(str(value), choices, n=1)
        raise RecipeError(key, "no such choice", got=value, expected="one of " + ", ".join(choices),
                          hint=f"did you mean {near[0]}?" if near else "")  # fmt: skip
    low, high, above = meta.get("low"), meta.get("high"), meta.get("above")
    for item in value if isinstance(value, tuple) else (value,):
        if low is not None and item < low:
            raise RecipeError(key, "out of range", got=item, expected=f"at least {low}")
        if high is not None and item > high:
            raise RecipeError(key, "out of range", got=item, expected=f"at most {high}")
        if above is not None and item <= above:
            raise RecipeError(key, "out of range", got=item, expected=f"more than {above}")


def build(cls: type[S], values: Any, where: str) -> S:
    """``cls`` from plain mappings (as YAML gives them), nested sections included.

    Raises
    ------
    RecipeError: not a mapping, an unknown key (the near ones are named), or a value `Section` refuses; the message
        starts with the dotted key, e.g. ``[train.epochs]``.
    """
    if not isinstance(values, Mapping):
        raise RecipeError(where, "wrong type", got=repr(values), expected="a mapping of keys to values")
    schema = {name: kind for name, kind, _ in _schema(cls)}
    ready: dict[str, Any] = {}
    for key, value in values.items():
        if key not in schema:
            near = difflib.get_close_matches(str(key), schema, n=3, cutoff=0.5)
            raise RecipeError(f"{where}.{key}" if where else str(key), "unknown key", got=key,
                              expected="one of " + ", ".join(schema),
                              hint="did you mean " + " or ".join(near) + "?" if near else "")  # fmt: skip
        nested = _nested(schema[key])
        inner = f"{where}.{key}" if where else str(key)
        ready[key] = build(nested, value, inner) if nested and isinstance(value, Mapping) else value
    try:
        return cls(**ready)
    except RecipeError as error:
        raise _prefixed(error, where) from None


def _nested(kind: Any) -> type[Any] | None:
    return kind if isinstance(kind, type) and is_dataclass(kind) else None


def _prefixed(error: RecipeError, where: str) -> RecipeError:
    """The same error with the section's name in front of the key."""
    if not where:
        return error
    moved = RecipeError(f"{where}.{error.where}", error.what, hint=error.hint)
    head, _, tail = str(error).partition("]")
    moved.args = (f"[{where}.{head.removeprefix('[')}]{tail}",)
    moved.got, moved.expected = error.got, error.expected
    return moved


def to_plain(value: Any) -> Any:
    """Nested dicts, lists and scalars, in field order, ready for YAML or JSON; `build` reads it back to an equal."""
    if isinstance(value, Section):
        return {item.name: to_plain(getattr(value, item.name)) for item in fields(value)}
    if isinstance(value, (tuple, list)):
        return [to_plain(item) for item in value]
    if isinstance(value, Mapping):
        return {str(key): to_plain(item) for key, item in value.items()}
    return value


@dataclass(frozen=True)
class KeyHelp:
    """One line of ``--help``: the dotted key, its kind, default and meaning."""

    key: str
    kind: str
    default: Any
    help: str


def describe(cls: type[Section], prefix: str = "") -> list[KeyHelp]:
    """Every dotted key of a section with what it means, for ``--help`` and the docs."""
    rows: list[KeyHelp] = []
    hints = typing.get_type_hints(cls)
    for item in fields(cls):
        key, kind = prefix + item.name, hints[item.name]
        nested = _nested(kind)
        if nested:
            rows += describe(nested, key + ".")
            continue
        choices = item.metadata.get("choices") or ()
        shown = item.default
        if item.default_factory is not MISSING:
            shown = item.default_factory()
        rows.append(KeyHelp(key, "|".join(choices) or _kind_name(kind), to_plain(shown), item.metadata["help"]))
    return rows


def differences(left: Any, right: Any, prefix: str = "") -> list[str]:
    """Dotted keys whose plain values differ, in order of appearance.

    >>> differences({"a": {"b": 1, "c": 2}}, {"a": {"b": 1, "c": 3}})
    ['a.c']
    """
    if not (isinstance(left, Mapping) and isinstance(right, Mapping)):
        return [] if left == right else [prefix]
    keys = list(dict.fromkeys([*left, *right]))
    return [
        found
        for key in keys
        for found in differences(left.get(key), right.get(key), f"{prefix}.{key}" if prefix else str(key))
    ]
