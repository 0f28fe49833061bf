"""``xnorkit bench``: its three subjects, JSON for each, and refusals that say what to type."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

from xnorkit.bench import race as racing
from xnorkit.bench.peers import table, xnorkit_

Run = Callable[..., Result]
FIELDS = {"work", "system", "kind", "threads", "median_ms", "min_ms", "gmacs", "verified"}
QUICK = ["--only", "conv1x1_256x14", "--rounds", "2"]


def test_peers_writes_rows_that_it_reads_again(xnorkit: Run, tmp_path: Path) -> None:
    target = tmp_path / "rows.json"
    shown = xnorkit("bench", "peers", *QUICK, "--json", target)
    assert shown.exit_code == 0 and "textbook C loop" in shown.output
    found = json.loads(target.read_text())
    assert found["rounds"] == 2 and found["versions"]["textbook C loop"]
    ours = [row for row in found["rows"] if row["system"].startswith("xnorkit")]
    assert ours and all(set(row) == FIELDS and row["verified"] for row in ours)
    again = xnorkit("bench", "peers", "--goals", "--from", target, "--json", "-")
    assert json.loads(again.stdout)["rows"] == found["rows"]
    assert "textbook" in xnorkit("bench", "peers", "--goals", "--from", target).output


def test_a_wrong_answer_is_shown_and_not_ranked(xnorkit: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def prepare(case: object, threads: int) -> xnorkit_.LayerRunner:
        runner = xnorkit_.LayerRunner(case, threads, level="popcnt", packed=True)  # type: ignore[arg-type]
        monkeypatch.setattr(runner, "answer", lambda: -xnorkit_.LayerRunner.answer(runner))
        return runner

    liar = racing.Peer("liar", "binary", "pip install liar", lambda work: True, prepare, lambda: "1")
    absent = racing.Peer("absent", "fp32", "pip install absent", liar.works, prepare, liar.version, module="no_such")
    monkeypatch.setattr(table, "PEERS", (*table.PEERS[:1], liar, absent))
    target = tmp_path / "rows.json"
    shown = xnorkit("bench", "peers", *QUICK, "--json", target)
    assert "WRONG: [xnorkit] answer: got 50176 wrong of 50176" in shown.output
    assert "not installed: absent: pip install absent" in shown.output
    row = json.loads(target.read_text())["rows"][1]
    assert row["verified"] is False and row["median_ms"] is None and "50176 wrong" in row["error"]


def test_layers_shows_the_share_of_the_peak(xnorkit: Run, tmp_path: Path) -> None:
    target = tmp_path / "layers.json"
    picture = tmp_path / "roof.png"
    shown = xnorkit("bench", "layers", *QUICK, "--json", target, "--plot", picture)
    assert shown.exit_code == 0 and "of peak, %" in shown.output
    assert picture.read_bytes().startswith(b"\x89PNG")
    found = json.loads(target.read_text())
    assert {row["layer"] for row in found["rows"]} == {"conv1x1_256x14"}
    assert found["read_gigabytes"]["memory"] > 0


def test_a_file_shows_latency_memory_and_steps(xnorkit: Run, model: Path) -> None:
    shown = xnorkit("bench", model, "--rounds", "2", "--threads", "2", "--profile", "--json", "-")
    found = json.loads(shown.stdout)
    assert [row["threads"] for row in found["latency"]] == [1, 2]
    assert found["memory"]["file_bytes"] == model.stat().st_size
    assert [step["op"] for step in found["steps"]]
    assert "p99" in xnorkit("bench", model, "--rounds", "1").output


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (["peers", "--only", "conv9x9"], 1, "got conv9x9, expected one of conv3x3_64x56"),
        (["no-such-thing"], 1, "no-such-thing"),
        (["layers", "--goals"], 2, "--goals does not go with layers; it goes with peers"),
        (["peers", "--profile"], 2, "--profile does not go with peers"),
        (["some-file", "--plot", "x.png"], 2, "it goes with layers and peers"),
        (["peers", "--from", "no-such.json"], 1, "no-such.json"),
        (["peers", "--rounds", "0"], 2, "--rounds"),
    ],
)
def test_refusals(xnorkit: Run, arguments: list[str], status: int, said: str) -> None:
    result = xnorkit("bench", *arguments)
    assert result.exit_code == status and said in result.output
    assert "Traceback" not in result.output


def test_rows_of_something_else_are_refused(xnorkit: Run, tmp_path: Path) -> None:
    for text in ("[]", "{}", '{"rows": [{"work": 1}]}', "no json"):
        (tmp_path / "rows.json").write_text(text)
        result = xnorkit("bench", "peers", "--from", tmp_path / "rows.json")
        assert result.exit_code == 1 and "a file that xnorkit bench peers --json wrote" in result.output
