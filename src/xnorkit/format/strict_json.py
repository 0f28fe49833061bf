"""JSON as the file profile allows it: one meaning per text, bounded before it is parsed.

Refused beyond the JSON grammar: duplicate keys, floats, NaN and Infinity, ``-0``, integers past 2^53, nesting deeper
than ``MAX_DEPTH``, bytes that are not UTF-8, and escapes that are no Unicode scalar (lone surrogates).

>>> parse('{"a": [1, true, "x"]}', "example")
{'a': [1, True, 'x']}
"""

from __future__ import annotations

import json
import re
from typing import Any, NoReturn

from ..errors import FormatError
from .layout import MAX_DEPTH, MAX_INTEGER

_TOKEN = re.compile(r'"(?:[^"\\]++|\\.)*+(?:"|\\?\Z)|[\[\]{}]', re.DOTALL)
"""A string (an unterminated one runs to the end, which keeps the scan linear) or a bracket."""


def parse(text: str | bytes, where: str) -> Any:
    """The value of ``text``: dict, list, str, int, bool or None.

    Raises FormatError with ``bad_encoding``, ``too_deep``, ``bad_json``, ``bad_number`` or ``duplicate_key``.
    """
    if isinstance(text, bytes):
        try:
            text = text.decode("utf-8")
        except UnicodeDecodeError as error:
            raise FormatError("bad_encoding", where, "text is not UTF-8", got=f"byte {error.start}") from None
    _check_depth(text, where)

    def refuse_number(token: str) -> NoReturn:
        raise FormatError("bad_number", where, "number", got=token[:24], expected="an integer")

    def integer(token: str) -> int:
        if len(token) > 17 or token == "-0" or abs(int(token)) > MAX_INTEGER:
            raise FormatError("bad_number", where, "integer", got=token[:24], expected="at most 2^53 in size")
        return int(token)

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) != len(pairs):
            keys = [key for key, _ in pairs]
            twice = next(key for key in keys if keys.count(key) > 1)
            raise FormatError("duplicate_key", where, "key appears twice", got=ascii(twice[:64]))
        return found

    try:
        value = json.loads(text, object_pairs_hook=unique, parse_int=integer, parse_float=refuse_number,
                           parse_constant=refuse_number)  # fmt: skip
    except json.JSONDecodeError as error:
        raise FormatError("bad_json", where, "text is not JSON", got=f"{error.msg} at character {error.pos}") from None
    if "\\u" in text:
        _check_scalars(value, where)
    return value


def _check_depth(text: str, where: str) -> None:
    depth = 0
    for match in _TOKEN.finditer(text):
        first = text[match.start()]
        if first in "[{":
            depth += 1
            if depth > MAX_DEPTH:
                raise FormatError(
                    "too_deep", where, "nesting", got=f"more than {MAX_DEPTH}", expected=f"at most {MAX_DEPTH}"
                )
        elif first in "]}":
            depth -= 1


def _check_scalars(value: Any, where: str) -> None:
    """Refuse strings that no UTF-8 text can hold (``"\\ud800"``)."""
    if isinstance(value, str):
        if any("\ud800" <= c <= "\udfff" for c in value):
            raise FormatError("bad_encoding", where, "a string holds half a surrogate pair", got=ascii(value[:64]))
    elif isinstance(value, dict):
        for key, item in value.items():
            _check_scalars(key, where)
            _check_scalars(item, where)
    elif isinstance(value, list):
        for item in value:
            _check_scalars(item, where)


def dump(value: Any) -> str:
    """The canonical text of a value: no spaces, keys in the order given, non-ASCII letters as themselves.

    >>> dump({"a": [1, True, "ü"]})
    '{"a":[1,true,"ü"]}'
    """
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
