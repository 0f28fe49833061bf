"""Every row of the op table as an ONNX function: stock ONNX Runtime gives what the row gives.

Integers are equal; floats differ by orders of addition only.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx.reference import ReferenceEvaluator
from op_cases import op_case, op_runs

from xnorkit.interop.functions import functions
from xnorkit.interop.onnx_model import to_onnx
from xnorkit.reference.ops import OPS

CONFIGURATIONS = 12


def run_onnx(model: onnx.ModelProto, feeds: dict[str, np.ndarray[Any, Any]]) -> list[np.ndarray[Any, Any]]:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.log_severity_level = 1, 3
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return session.run(None, feeds)  # type: ignore[no-any-return]


@pytest.mark.parametrize(("name", "dtype"), op_runs())
def test_onnx_runtime_obeys_the_op_table(name: str, dtype: str) -> None:
    op = OPS[name]
    for number in range(CONFIGURATIONS):
        drawn = op_case(name, dtype, number)
        (got,) = run_onnx(to_onnx(drawn.graph), {drawn.graph.nodes[0].name: drawn.x})
        expected = op.run(drawn.values, drawn.attrs, drawn.tensors)
        assert got.dtype == expected.dtype
        message = f"case {number}: {drawn.graph.nodes[-1]}"
        if expected.dtype == np.float32:
            close = 2e-6 * max(1.0, float(np.abs(expected).max()))
            np.testing.assert_allclose(got.reshape(expected.shape), expected, rtol=0, atol=close, err_msg=message)
        else:
            np.testing.assert_array_equal(got.reshape(expected.shape), expected, err_msg=message)


@pytest.mark.parametrize("name", ["bconv2d", "threshold", "wconv2d", "qdense", "multithreshold"])
def test_onnx_itself_reads_the_functions_so(name: str) -> None:
    """ONNX's own slow evaluator, which shares nothing with ONNX Runtime."""
    for dtype in sorted(OPS[name].accepts[0] - {"f32"}):
        drawn = op_case(name, dtype, 3)
        (got,) = ReferenceEvaluator(to_onnx(drawn.graph)).run(None, {"x": drawn.x})
        np.testing.assert_array_equal(
            np.reshape(got, -1), OPS[name].run(drawn.values, drawn.attrs, drawn.tensors).ravel()
        )


def test_wide_sums_of_bytes_are_exact() -> None:
    """Beyond 16 bits, where kernels for unsigned x signed bytes saturate, and beyond 2^24."""
    from xnorkit.graph.build import GraphBuilder

    b = GraphBuilder()
    x = b.input("x", "u8", (1, 1, 1000))
    weight = np.full((3, 1000), 127, np.int8) * np.array([[1], [-1], [0]], np.int8)
    model = to_onnx(b.graph([b.add("qdense", x, out_features=3, tensors={"weight": weight})]))
    (got,) = run_onnx(model, {"x": np.full((2, 1, 1, 1000), 255, np.uint8)})
    assert got.tolist() == [[32_385_000, -32_385_000, 0]] * 2


def test_every_function_is_reached() -> None:
    """None is left behind when an operation goes."""
    used = {f.name for name, dtype in op_runs() for n in range(CONFIGURATIONS)
            for f in to_onnx(op_case(name, dtype, n).graph).functions}  # fmt: skip
    assert used == set(functions())
