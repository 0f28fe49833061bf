"""Errors have one stable code each, in Python and in C++."""

from __future__ import annotations

import re
from pathlib import Path

from xnorkit import errors

ROOT = Path(__file__).resolve().parents[2]


def subclasses(cls: type) -> set[type]:
    return {cls}.union(*(subclasses(child) for child in cls.__subclasses__()))


def test_codes_are_unique_and_all_in_the_table() -> None:
    ours = {cls for cls in subclasses(errors.XnorkitError) if cls.__module__ == "xnorkit.errors"}
    assert len({cls.code for cls in ours}) == len(ours)
    assert set(errors.ERRORS.values()) == ours


def test_no_room_defines_a_code_of_its_own() -> None:
    own = re.compile(r"^\s*code(: ClassVar\[str\])? = \"XK_", re.M)
    files = [path for path in (ROOT / "src" / "xnorkit").rglob("*.py") if path.name != "errors.py"]
    assert not [path for path in files if own.search(path.read_text())]


def test_the_engine_speaks_the_same_codes() -> None:
    text = (ROOT / "engine" / "base" / "status.h").read_text()
    found = set(re.findall(r'"(XK_[A-Z]+)"', text))
    assert len(found) >= 7
    assert found <= set(errors.ERRORS)


def test_a_message_says_where_what_got_expected_and_what_next() -> None:
    text = str(errors.DataError("where", "what", got=0, expected=None, hint="do this"))
    assert text == "[where] what: got 0, expected None\nhint: do this"


def test_the_page_of_errors_is_the_table() -> None:
    page = (ROOT / "docs" / "errors.md").read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| `(XK_[A-Z]+)` \| `(\w+)`", page, re.M))
    assert rows == {code: cls.__name__ for code, cls in errors.ERRORS.items()}
