"""The op table means what PyTorch means: the reference is compared with torch.nn.functional in float64.

Integers are equal. Float32 results of one rounding chain are within the bound of their sums of products; the rest,
which only choose or round once, are equal.
"""

from __future__ import annotations

import numpy as np
import pytest
import torch
from op_cases import Array, OpCase, op_case, op_runs
from torch_ops import TORCH

CONFIGURATIONS = 40
ROUNDS_MANY = {"conv2d", "dense", "dense_bf16", "dense_i8", "affine", "avg_pool2d", "global_avg_pool2d", "kmap"}


def _run(case: OpCase, absolute: bool = False) -> Array:
    """The torch counterpart; with ``absolute`` on absolute values, which bounds every partial sum."""
    named = case.tensors | ({"second": case.values[1]} if len(case.values) == 2 else {})
    if case.op.name == "dense_bf16":
        named["weight"] = (named["weight"].astype(np.uint32) << 16).view(np.float32)
    wide = [torch.from_numpy(v.astype(np.float64)) for v in (case.values[0], *named.values())]
    x, *tensors = [v.abs() for v in wide] if absolute else wide
    y = TORCH[case.op.name](
        x.permute(0, 3, 1, 2),
        case.attrs | {"codes": case.values[0].dtype == np.uint8},
        dict(zip(named, tensors, strict=True)),
    )
    return y.permute(0, 2, 3, 1).contiguous().numpy()


@pytest.mark.parametrize(("name", "dtype"), op_runs())
def test_reference_means_what_torch_means(name: str, dtype: str) -> None:
    for number in range(CONFIGURATIONS):
        case = op_case(name, dtype, number)
        got, expected = case.op.run(case.values, case.attrs, case.tensors), _run(case)
        assert got.shape == expected.shape, case.graph.nodes[-1]
        if name in ROUNDS_MANY or (name in ("wconv2d", "wdense") and dtype == "f32"):
            # Every rounding, of a product or a partial sum, is at most half an ulp of the sum of absolute products.
            weight, pixels = case.tensors.get("weight"), case.values[0].shape[1] * case.values[0].shape[2]
            terms = pixels if weight is None else weight.size // got.shape[3]
            terms += case.values[0].shape[3] if name == "kmap" else 0
            bound = (terms + 3) * 2.0**-24 * _run(case, absolute=True)
            assert (np.abs(got - expected) <= bound).all(), case.graph.nodes[-1]
        else:
            exact = expected.astype(np.float32) if got.dtype == np.float32 else expected
            if not case.op.exact:
                np.testing.assert_array_max_ulp(got, exact, 1)
            else:
                np.testing.assert_array_equal(got, exact, err_msg=str(case.graph.nodes[-1]))
