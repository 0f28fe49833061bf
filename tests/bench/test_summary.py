"""The README shows the figures of the run that is kept, and says where a goal is missed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from xnorkit.bench.goals import results
from xnorkit.bench.race import Row
from xnorkit.bench.summary import MODES, markdown

ROOT = Path(__file__).parents[2]
RUN = ROOT / "docs" / "results" / "bench-peers.json"


@pytest.fixture(scope="module")
def rows() -> list[Row]:
    return [Row(**row) for row in json.loads(RUN.read_text(encoding="utf-8"))["rows"]]


def test_readme_shows_the_run_that_is_kept(rows: list[Row]) -> None:
    assert markdown(rows) in (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_run_is_whole_and_every_answer_was_equal(rows: list[Row]) -> None:
    assert all(row.verified for row in rows)
    assert all(result.rival for result in results(rows) if result.mode in MODES)


def test_missed_goals_are_in_italics_and_nothing_else_is(rows: list[Row]) -> None:
    cells = [cell.strip() for line in markdown(rows).splitlines()[2:] for cell in line.strip("|").split(" | ")]
    missed = [result for result in results(rows) if result.mode in MODES and not result.reached]
    assert sum(cell.startswith("*") for cell in cells) == len(missed)
    for cell, result in zip((cell for cell in cells if cell.startswith("*")), missed, strict=True):
        assert cell.endswith("*") and f"({result.goal:g})" in cell


def test_a_work_that_was_not_measured_has_no_line(rows: list[Row]) -> None:
    assert markdown([]) == "| work | xnorkit, ms |\n|---|---|\n"
    one = [row for row in rows if row.work == "conv1x1_256x14"]
    assert [line.split(" | ")[0] for line in markdown(one).splitlines()[2:]] == ["| conv1x1_256x14"]
