"""Pages that repeat a table are equal to it."""

from __future__ import annotations

import re
from pathlib import Path

from xnorkit.cli.main import VERBS

ROOT = Path(__file__).resolve().parents[2]


def test_the_command_line_page_has_every_verb() -> None:
    page = (ROOT / "docs" / "cli.md").read_text(encoding="utf-8")
    assert re.findall(r"^\| `(\w+)` \|", page, re.M) == list(VERBS)


def test_the_readme_has_both_commands_first() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert text.index("make demo") < text.index("make test") < text.index("```python")
    assert text.count("\n") <= 120


def test_ci_runs_the_readme_command() -> None:
    assert (ROOT / ".ci" / "run").read_text().rstrip().endswith("exec make test")
