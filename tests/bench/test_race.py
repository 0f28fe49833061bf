"""The race: turns, figures, and what happens to a peer that answers wrongly."""

from __future__ import annotations

import numpy as np
import pytest

from xnorkit.bench import report
from xnorkit.bench.case import Case
from xnorkit.bench.peers.contract import Array, Peer, Runner, require_close, require_equal
from xnorkit.bench.race import Row, alternate, race
from xnorkit.bench.works import Work, conv, dense
from xnorkit.errors import BenchError

TINY = conv(3, 8, 5)


class Fake(Runner):
    """Answers the reference's sums plus ``error`` and says it took ``spent`` seconds."""

    def __init__(self, case: Case, spent: float, error: int) -> None:
        self._sums, self._spent = case.sums + error, spent

    def run(self) -> None:
        if self._spent < 0:
            raise RuntimeError("no such primitive")

    def answer(self) -> Array:
        return self._sums

    def check(self, case: Case) -> None:
        self.run()
        require_equal("fake", self.answer(), case.sums)

    def seconds(self) -> float:
        return self._spent


def fake(system: str, spent: float, error: int = 0, module: str | None = None) -> Peer:
    return Peer(system, "binary", f"pip install {system}", lambda work: True,
                lambda case, threads: Fake(case, spent, error), lambda: "1", module=module)  # fmt: skip


def test_rows_hold_figures_of_the_right_unit() -> None:
    (row,) = race(TINY, [fake("a", 2e-3)], rounds=3)
    assert (row.median_ms, row.min_ms, row.verified) == (pytest.approx(2), pytest.approx(2), True)
    assert row.gmacs == pytest.approx(TINY.multiply_adds / 2e-3 / 1e9)
    assert set(row.as_json()) == {"work", "system", "kind", "threads", "median_ms", "min_ms", "gmacs", "verified"}


def test_a_peer_may_have_threads_of_its_own() -> None:
    asked: list[int] = []

    def prepare(case: Case, threads: int) -> Runner:
        asked.append(threads)
        return Fake(case, 1e-3, 0)

    two = Peer("b", "binary", "pip", lambda work: True, prepare, lambda: "1", threads=2)
    assert [row.threads for row in race(TINY, [fake("a", 1e-3), two], rounds=1, threads=1)] == [1, 2]
    assert asked == [2]


def test_a_wrong_answer_is_reported_and_never_ranked() -> None:
    rows = race(TINY, [fake("xnorkit", 2e-3), fake("liar", 1e-6, error=2)], rounds=2)
    liar = rows[1]
    assert not liar.verified and liar.median_ms is None and liar.min_ms is None and liar.gmacs is None
    assert "200 wrong of 200" in liar.error
    cells = report.table(rows, TINY.name)
    assert cells[1][2:7] == ["-"] * 5 and cells[1][-1].startswith("WRONG")
    best = report.our_best([*rows, Row(TINY.name, "xnorkit b", "binary", 1, None, None, None, False, "x")], TINY.name)
    assert best == rows[0]


def test_a_crash_is_a_row_too_and_the_others_go_on() -> None:
    rows = race(TINY, [fake("broken", -1.0), fake("sound", 1e-3)], rounds=2)
    assert [(row.verified, row.error) for row in rows] == [(False, "RuntimeError: no such primitive"), (True, "")]


def test_what_is_not_installed_takes_no_part_and_is_listed() -> None:
    peers = [fake("there", 1e-3), fake("absent", 1e-3, module="no_such_module_anywhere")]
    assert [row.system for row in race(TINY, peers, rounds=1)] == ["there"]
    assert report.missing(peers) == [("absent", "pip install absent")]


def test_systems_take_turns_in_shuffled_order() -> None:
    calls: list[str] = []

    def clock(name: str) -> float:
        calls.append(name)
        return 1.0  # long: one call a turn

    found = alternate({name: lambda name=name: clock(name) for name in "abc"}, rounds=20)  # type: ignore[misc]
    assert {name: len(times) for name, times in found.items()} == {"a": 20, "b": 20, "c": 20}
    turns = [tuple(calls[i : i + 3]) for i in range(0, 60, 3)]
    assert all(sorted(turn) == ["a", "b", "c"] for turn in turns) and len(set(turns)) > 1


def test_short_calls_count_their_best_of_three_after_a_warm_one() -> None:
    times = iter([9e-3, 3e-3, 1e-3, 2e-3])
    assert alternate({"a": lambda: next(times)}, rounds=1) == {"a": [1e-3]}


@pytest.mark.parametrize("work", [TINY, conv(3, 8, 6, stride=2), dense(3, 16, 5)], ids=lambda work: work.name)
def test_a_case_is_the_same_for_a_seed_and_of_the_stated_shapes(work: Work) -> None:
    case, again, other = Case(work, 1), Case(work, 1), Case(work, 2)
    shape = (work.batch, work.out_size, work.out_size, work.out_channels)
    assert case.bits.shape == case.sums.shape == case.affine.shape == case.sums_i8.shape == shape
    assert np.array_equal(case.x, again.x) and np.array_equal(case.bits, again.bits)
    assert not np.array_equal(case.x, other.x)
    assert work.multiply_adds == int(np.prod(shape)) * case.weight[0].size


def test_close_means_relative_to_the_largest() -> None:
    require_close("peer", np.array([100.05, 0.05]), np.array([100.0, 0.0]))
    with pytest.raises(BenchError, match="largest error: got 1"):
        require_close("peer", np.array([101.0]), np.array([100.0]))
    with pytest.raises(BenchError, match="largest error: got nan"):
        require_close("peer", np.array([np.nan, 1.0]), np.array([1.0, 1.0]))
