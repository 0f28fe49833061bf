"""The table of goals read from rows."""

from __future__ import annotations

from pathlib import Path

import pytest

from xnorkit.bench import goals, picture
from xnorkit.bench.race import Row
from xnorkit.bench.works import WORKS


def row(system: str, kind: str, median: float, minimum: float, *, threads: int = 1, verified: bool = True) -> Row:
    return Row("conv3x3_256x14", system, kind, threads, median, minimum, 1.0, verified)  # type: ignore[arg-type]


OURS = row("xnorkit avx2", "binary", 0.2, 0.1)


def found(against: str, *rows: Row, mode: str = "binary") -> goals.Result:
    results = goals.results([OURS, *rows])
    return next(r for r in results if (r.work, r.against, r.mode) == ("conv3x3_256x14", against, mode))


def test_every_goal_is_about_a_work_and_a_known_rival() -> None:
    layers = {name for goal in goals.GOALS for name in goal.works if not name.startswith("net_")}
    assert layers <= set(WORKS)
    assert all(set(goal.ratios) <= set(goals.RIVALS) for goal in goals.GOALS)


def test_both_ratios_must_reach_the_goal() -> None:
    assert found("best fp32", row("ncnn", "fp32", 1.4, 0.7)).reached is True  # 7 and 7, goal 6.5
    assert found("best fp32", row("ncnn", "fp32", 1.4, 0.6)).reached is False  # 7 and 6
    assert found("best fp32", row("ncnn", "fp32", 1.2, 0.9)).reached is False  # 6 and 9


def test_the_fastest_rival_of_the_kind_counts_and_never_one_of_ours() -> None:
    result = found("best binary", row("tvm", "binary", 0.5, 0.4), row("OpenVINO BinaryConvolution", "binary", 0.6, 0.5),
                   row("xnorkit popcnt", "binary", 0.9, 0.8))  # fmt: skip
    assert (result.rival, result.ours) == ("tvm", "xnorkit avx2")
    assert result.ratio_median == pytest.approx(2.5) and result.ratio_min == pytest.approx(4)
    assert found("OpenVINO binary", row("tvm", "binary", 0.5, 0.4)).reached is None


def test_wrong_answers_and_other_thread_counts_are_left_out() -> None:
    liars = row("a", "int8", 0.01, 0.01, verified=False), row("b", "int8", 0.01, 0.01, threads=2)
    assert found("best int8", *liars).rival == ""
    assert found("best int8", *liars, row("c", "int8", 2, 1)).rival == "c"


def test_binary_weights_have_rows_of_their_own() -> None:
    rows = row("xnorkit bwn avx2", "int8", 0.5, 0.4), row("ort", "int8", 1.0, 0.6)
    result = found("best int8", *rows, mode="bwn")
    assert result.ours == "xnorkit bwn avx2" and result.ratio_min == pytest.approx(1.5) and result.reached is True
    assert found("best int8", *rows).ours == "xnorkit avx2"


def test_bars_are_a_picture(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    target = tmp_path / "bars.png"
    picture.bars([OURS, row("tvm", "binary", 0.5, 0.4), Row("w", "x", "fp32", 1, None, None, None, False, "e")],
                 str(target), "title")  # fmt: skip
    assert target.read_bytes().startswith(b"\x89PNG")
