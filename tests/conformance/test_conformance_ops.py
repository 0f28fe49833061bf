"""Every row of the op table, on every accepted element type: a session gives what the row's own function gives.

Equal where the row says ``exact`` (float32 included), else within its ``ulps``.
"""

from __future__ import annotations

import numpy as np
import pytest
from implementations import IMPLEMENTATIONS, Implementation
from op_cases import Array, op_case, op_runs

from xnorkit.reference import kmap, pooling
from xnorkit.reference.ops import OPS

SECOND = {"scale_map": kmap.abs_mean, "scale_channels": pooling.global_avg_pool2d}
"""Op -> what its second input is made of the first by; relu for the others."""

CONFIGURATIONS = 24
SESSIONS = [row for row in IMPLEMENTATIONS if row.run is not None]


def _ulps(a: Array, b: Array) -> int:
    """Largest distance in representable float32 values."""
    line = [np.where((i := v.view(np.int32).astype(np.int64)) < 0, -(2**31) - i, i) for v in (a, b)]
    return int(np.abs(line[0] - line[1]).max())


@pytest.mark.parametrize("row", SESSIONS, ids=lambda row: row.name)
@pytest.mark.parametrize(("name", "dtype"), op_runs())
def test_sessions_obey_the_op_table(name: str, dtype: str, row: Implementation) -> None:
    if row.missing:
        pytest.skip(f"this CPU lacks {row.missing}")
    op = OPS[name]
    for number in range(CONFIGURATIONS):
        drawn = op_case(name, dtype, number)
        got, expected = row.run(drawn.graph, drawn.x), op.run(drawn.values, drawn.attrs, drawn.tensors)
        message = f"case {number}: {drawn.graph.nodes[-1]}"
        assert (got.shape, got.dtype) == (expected.shape, expected.dtype), message
        if op.exact:
            np.testing.assert_array_equal(got, expected, err_msg=message)
        else:
            assert _ulps(got, expected) <= op.ulps, message


@pytest.mark.parametrize("row", SESSIONS, ids=lambda row: row.name)
@pytest.mark.parametrize("name", [name for name, dtype in op_runs() if dtype == "f32"])
def test_nan_and_infinity_go_the_same_way(name: str, row: Implementation) -> None:
    if row.missing:
        pytest.skip(f"this CPU lacks {row.missing}")
    for number in range(6):
        drawn = op_case(name, "f32", number)
        x, lottery = drawn.x.copy(), np.random.default_rng(number).random(drawn.x.shape)
        for rank, value in enumerate((np.nan, np.inf, -np.inf)):
            x[(lottery >= 0.05 * rank) & (lottery < 0.05 * rank + 0.05)] = value
        with np.errstate(all="ignore"):
            second = SECOND.get(name, lambda x: OPS["relu"].run([x], {}, {}))(x)
            values = (x, second)[: len(drawn.values)]
            expected = drawn.op.run(values, drawn.attrs, drawn.tensors)
            got = row.run(drawn.graph, x)
        np.testing.assert_array_equal(got, expected, err_msg=str(drawn.graph.nodes[-1]))


def test_distance_in_ulps() -> None:
    one = np.float32([1.0, -0.0])
    assert _ulps(one, one) == 0
    assert _ulps(one, np.nextafter(one, np.float32(2))) == 1
    assert _ulps(np.float32([0.0]), np.float32([-0.0])) == 0
    assert _ulps(np.float32([1e-45]), np.float32([-1e-45])) == 2
