"""Every row of the op table, on every accepted element type: the engine's results are the reference's.

Equal where the row says ``exact`` (float32 included), else within its ``ulps``.
"""

from __future__ import annotations

import numpy as np
import pytest
from implementations import IMPLEMENTATIONS, Implementation
from op_cases import Array, op_case, op_runs

from xnorkit.reference.ops import OPS

CONFIGURATIONS = 24
ENGINES = [row for row in IMPLEMENTATIONS if row.run is not None and row.name.startswith("engine")]
REFERENCE = next(row for row in IMPLEMENTATIONS if row.name == "reference session")


def _ulps(a: Array, b: Array) -> int:
    """Largest distance in representable float32 values."""
    line = [np.where((i := v.view(np.int32).astype(np.int64)) < 0, -(2**31) - i, i) for v in (a, b)]
    return int(np.abs(line[0] - line[1]).max())


@pytest.mark.parametrize("row", ENGINES, ids=lambda row: row.name)
@pytest.mark.parametrize(("name", "dtype"), op_runs())
def test_engine_obeys_the_reference(name: str, dtype: str, row: Implementation) -> None:
    if row.missing:
        pytest.skip(f"this CPU lacks {row.missing}")
    op = OPS[name]
    for number in range(CONFIGURATIONS):
        graph, x = op_case(name, dtype, number)
        got, expected = row.run(graph, x), REFERENCE.run(graph, x)
        assert (got.shape, got.dtype) == (expected.shape, expected.dtype), graph.nodes
        if op.exact:
            np.testing.assert_array_equal(got, expected, err_msg=f"case {number}: {graph.nodes[-1]}")
        else:
            assert _ulps(got, expected) <= op.ulps, f"case {number}: {graph.nodes[-1]}"


def test_distance_in_ulps() -> None:
    one = np.float32([1.0, -0.0])
    assert _ulps(one, one) == 0
    assert _ulps(one, np.nextafter(one, np.float32(2))) == 1
    assert _ulps(np.float32([0.0]), np.float32([-0.0])) == 0
    assert _ulps(np.float32([1e-45]), np.float32([-1e-45])) == 2
