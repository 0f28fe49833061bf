"""Figures of a packed model: complete, and consistent with the program."""

from __future__ import annotations

import pytest

from xnorkit import zoo
from xnorkit.bench import model
from xnorkit.graph import store
from xnorkit.runtime.session import Session

NAME = "fashion-mnist-lenet5-xnor"


@pytest.fixture(scope="module")
def session() -> Session:
    return Session(store.load(zoo.path(NAME)))


def test_inputs_fit_the_graph(session: Session) -> None:
    (x,) = model.inputs(session.graph, 3).values()
    assert x.shape == (3, 28, 28, 1) and x.dtype == "uint8"
    assert session(model.inputs(session.graph, 3)).shape == (3, 10)


def test_percentiles_ascend_for_every_thread_count(session: Session) -> None:
    ticks: list[int] = []
    rows = model.latencies(session, [1, 2], rounds=2, tick=lambda: ticks.append(1))
    assert [row.threads for row in rows] == [1, 2] and len(ticks) == 2
    for row in rows:
        assert row.calls >= 2 * model.CALLS[0]
        assert 0 < row.min <= row.p50 <= row.p90 <= row.p99


def test_throughput_of_every_batch_and_thread_count(session: Session) -> None:
    rows = model.throughputs(session, [1, 2], [1, 3], rounds=2)
    assert [(row.batch, row.threads) for row in rows] == [(1, 1), (1, 2), (3, 1), (3, 2)]
    assert all(0 < row.median <= row.best for row in rows)


def test_steps_are_the_programs_and_add_up(session: Session) -> None:
    rows = model.steps(session, rounds=3)
    program = session.program
    assert [row.kernel for row in rows] == [step["kernel"] for step in program.steps]
    assert sum(row.percent for row in rows) == pytest.approx(100)
    assert sum(row.packed_bytes for row in rows) == sum(step["packed_bytes"] for step in program.steps)
    assert all((row.gmacs is None) == (row.multiply_adds == 0) for row in rows)


def test_memory_and_load(session: Session) -> None:
    path = zoo.path(NAME)
    sizes = model.memory(path, session)
    assert sizes["file_bytes"] == path.stat().st_size
    assert sizes["weight_bytes"] == session.program.weight_bytes
    assert 0 < sizes["rss_load_bytes"] <= sizes["rss_run_bytes"] < sizes["rss_before_bytes"]
    assert all(ms > 0 for ms in model.load_times(path).values())
