"""The table of goals read from rows."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np
import pytest

from xnorkit.bench import goals, picture, report, sizes, summary
from xnorkit.bench.net_graph import build_graph
from xnorkit.bench.nets import NETS
from xnorkit.bench.race import Row
from xnorkit.bench.works import LAYERS, WORKS
from xnorkit.graph import store
from xnorkit.graph.build import GraphBuilder


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


def threads_result(*rows: Row) -> goals.Result:
    results = [r for r in goals.results(rows) if r.against == "one thread"]
    assert {r.work for r in results} == {work.name for work in LAYERS if work.is_large}
    return next(r for r in results if r.work == "conv3x3_256x14")


def test_two_threads_are_compared_with_the_same_kernel_on_one() -> None:
    two = row("xnorkit avx2 two threads", "binary", 0.11, 0.05, threads=2)
    other = row("xnorkit popcnt", "binary", 2.0, 1.0)
    result = threads_result(other, OURS, two)
    assert (result.ours, result.rival) == (two.system, OURS.system)
    assert result.ratio_median == pytest.approx(0.2 / 0.11) and result.ratio_min == pytest.approx(2)
    assert result.reached is True
    slow = row("xnorkit avx2 two threads", "binary", 0.12, 0.05, threads=2)
    assert threads_result(OURS, slow).reached is False
    assert threads_result(OURS).reached is None
    assert threads_result(OURS, row(two.system, "binary", 0.1, 0.1, threads=2, verified=False)).reached is None


def test_rows_of_two_threads_win_nothing_from_rivals() -> None:
    two = row("xnorkit avx2 two threads", "binary", 0.01, 0.01, threads=2)
    assert found("best binary", two, row("tvm", "binary", 0.4, 0.2)).ratio_min == pytest.approx(2)
    assert report.our_best([OURS, two], OURS.work) == OURS
    named = replace(two, system=f"{OURS.system} two threads")
    assert summary.markdown([OURS, named, row("tvm", "binary", 0.4, 0.2)]).count("\n") == 3


@pytest.mark.parametrize("stem", ["f32", "int8"])
def test_files_and_runs_are_near_the_least(stem: Literal["f32", "int8"]) -> None:
    net = NETS["net_resnet18_xnor_224"]
    graph = build_graph(net, 0, stem)
    file, run = sizes.sizes(net.name, graph)
    assert file.bytes == len(store.to_bytes(graph)) and file.reached and run.reached
    assert file.least < file.bytes and run.least > file.least


def test_the_least_counts_a_bit_for_a_binary_weight() -> None:
    b = GraphBuilder()
    signs = np.ones((3, 12), np.int8)
    sums = b.add("bdense", b.add("sign", b.input("x", "f32", (1, 1, 12))), out_features=3, tensors={"weight": signs})
    threshold = {"threshold": np.zeros(3, np.int32), "flip": np.ones(3, np.int8)}
    graph = b.graph([b.add("threshold", sums, tensors=threshold)])
    assert sizes.least_bytes(graph) == (3 * 12 + 3 * 32 + 3 + 7) // 8
    assert sizes.table([sizes.Size("n", "file", 102, 100, 0.01)])[0][4:] == ["2.00", "1", "NO"]


def test_bars_are_a_picture(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    target = tmp_path / "bars.png"
    picture.bars([OURS, row("tvm", "binary", 0.5, 0.4), Row("w", "x", "fp32", 1, None, None, None, False, "e")],
                 str(target), "title")  # fmt: skip
    assert target.read_bytes().startswith(b"\x89PNG")
