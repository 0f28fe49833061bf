"""``xnorkit bench``."""

from __future__ import annotations

import json
from pathlib import Path

from click.testing import CliRunner

from xnorkit.cli.main import main

FIELDS = {"work", "system", "kind", "threads", "median_ms", "min_ms", "gmacs", "verified"}


def test_peers_prints_a_table_and_writes_rows(tmp_path: Path) -> None:
    target = tmp_path / "rows.json"
    options = ["--only", "conv1x1_*", "--rounds", "2", "--json", str(target)]
    done = CliRunner().invoke(main, ["bench", "peers", *options])
    assert done.exit_code == 0, done.output
    assert "conv1x1_256x14" in done.output and "textbook" in done.output
    found = json.loads(target.read_text())
    assert found["rounds"] == 2 and found["versions"]["torch"]
    ours = [row for row in found["rows"] if row["system"].startswith("xnorkit")]
    assert ours and all(set(row) == FIELDS and row["verified"] for row in ours)


def test_an_unknown_work_is_named_with_the_known_ones() -> None:
    done = CliRunner().invoke(main, ["bench", "peers", "--only", "conv9x9"])
    assert done.exit_code == 1
    assert "got conv9x9" in done.output and "dense_64x4096x4096" in done.output


def test_an_unknown_subject_is_refused() -> None:
    done = CliRunner().invoke(main, ["bench", "no-such-thing"])
    assert done.exit_code == 1 and "no-such-thing" in done.output
