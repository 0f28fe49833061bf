"""Every implementation of the binary layers gives the same integers, and the engine the same outputs behind them.

pytest tests/conformance                    # the summary line says what ran
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable

import numpy as np
import pytest
from cases import LONG_SUMS, Array, Case, case
from implementations import IMPLEMENTATIONS, Implementation, layer_graph

from xnorkit.reference import activations, thresholds

CONFIGURATIONS = 2_400
CHUNK = 100
LEAST_PER_ROW = 1_500
"""A row that can express few cases would prove little."""

EPILOGUES: dict[str, Callable[[Case, Array], Array]] = {
    "threshold": lambda case, acc: thresholds.apply(acc, **case.threshold),
    "affine": lambda case, acc: activations.affine(acc, **case.affine),
}


def _compare(case: Case, row: Implementation, what: str, got: Array, expected: Array) -> None:
    """Equal shape, type and values; else names the case and the first element that differs."""
    assert (got.shape, got.dtype) == (expected.shape, expected.dtype), f"{row.name}, {what}: {case}"
    if not np.array_equal(got, expected):
        at = tuple(int(i[0]) for i in np.nonzero(got != expected))
        count = int((got != expected).sum())
        pytest.fail(f"{row.name}, {what}: {count} of {got.size} differ, first at {at}: "
                    f"got {got[at]}, expected {expected[at]}\nreproduce: cases.{case}")  # fmt: skip


def _check(layer: Case, epilogues: Iterable[str]) -> Counter[tuple[str, str]]:
    """Compares all rows on one layer; returns how often each was compared, by row and by what."""
    rows = [row for row in IMPLEMENTATIONS if not row.missing]
    ran: Counter[tuple[str, str]] = Counter({(rows[0].name, "accumulator"): 1})
    acc = rows[0].accumulate(layer)
    for row in rows[1:]:
        if row.only(layer):
            _compare(layer, row, "accumulator", row.accumulate(layer), acc)
            ran[row.name, "accumulator"] += 1
    for epilogue in epilogues:
        graph, expected = layer_graph(layer, epilogue), EPILOGUES[epilogue](layer, acc)
        for row in rows:
            if row.run is not None:
                _compare(layer, row, epilogue, row.run(graph, layer.x), expected)
                ran[row.name, epilogue] += 1
    return ran


@pytest.mark.parametrize("first", range(0, CONFIGURATIONS, CHUNK))
def test_all_implementations_are_equal(first: int, record_property) -> None:
    ran: Counter[tuple[str, str]] = Counter()
    for number in range(first, first + CHUNK):
        ran += _check(case(number), [sorted(EPILOGUES)[number % len(EPILOGUES)]])
    record_property("conformance", [[*key, count] for key, count in ran.items()])


@pytest.mark.parametrize("layer", LONG_SUMS, ids=lambda layer: f"{layer.op}-{layer.fan_in}")
def test_sums_beyond_int16_are_equal(layer: Case) -> None:
    _check(layer, EPILOGUES)


def test_there_are_enough_configurations_for_every_row() -> None:
    cases = [case(number) for number in range(CONFIGURATIONS)]
    assert len(set(cases)) >= 2_000
    for row in IMPLEMENTATIONS:
        assert sum(map(row.only, cases)) >= LEAST_PER_ROW, row.name


def test_cases_reach_the_corners() -> None:
    """Each property that has broken a kernel somewhere is drawn often, and together with zero padding."""
    cases = [case(number) for number in range(CONFIGURATIONS)]
    corners: dict[str, Callable[[Case], bool]] = {
        "odd channels": lambda c: c.channels % 8 != 0,
        "groups inside a byte": lambda c: c.groups > 1 and c.channels // c.groups % 8 != 0,
        "dilation": lambda c: c.dilation != (1, 1),
        "stride": lambda c: c.stride != (1, 1),
        "not square": lambda c: c.kernel[0] != c.kernel[1],
        "one-sided padding": lambda c: not c.symmetric,
        "more than one tile of outputs": lambda c: c.outputs > 64,
        "zero padding": lambda c: any(c.padding) and c.pad_value == 0,
        "plus padding": lambda c: any(c.padding) and c.pad_value == 1,
        "minus padding": lambda c: any(c.padding) and c.pad_value == -1,
        "a window that sees only padding": lambda c: c.padding[0] >= c.dilation[0] * (c.kernel[0] - 1) + 1,
        "more than 1024 products": lambda c: c.fan_in > 1024,
    }
    counts = {name: sum(map(corner, cases)) for name, corner in corners.items()}
    assert min(counts.values()) >= 50, counts
    values = {c.pad_value for c in cases}
    assert values == {0, 1, -1}


def test_a_wrong_integer_is_noticed() -> None:
    """The comparison itself can fail: one unit in one element."""
    layer = case(0)
    expected = IMPLEMENTATIONS[0].accumulate(layer)
    wrong = expected.copy()
    wrong[-1, -1, -1, -1] += 1
    with pytest.raises(pytest.fail.Exception, match=r"1 of .* differ"):
        _compare(layer, IMPLEMENTATIONS[1], "accumulator", wrong, expected)
