"""The op table runs: every row has a case here, and its result has the type the row infers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from naive import random_signs

from xnorkit.errors import GraphError, ShapeError
from xnorkit.reference.linear import bfloat16
from xnorkit.reference.ops import OPS, Op, TensorSpec
from xnorkit.reference.shapes import TensorType

NUMPY = {"u8": "uint8", "i32": "int32", "f32": "float32", "bits": "int8", "i8": "int8"}
WINDOW = {"kernel": (3, 2), "stride": (2, 1), "padding": (1, 1, 0, 1)}
CONV = {"out_channels": 4, **WINDOW, "groups": 2}

CASES: dict[str, tuple[tuple[int, int, int], dict[str, Any]]] = {
    "input": ((5, 4, 3), {"dtype": "u8", "shape": (5, 4, 3)}),
    "bconv2d": ((5, 4, 6), CONV | {"pad_value": -1}),
    "bdense": ((1, 1, 9), {"out_features": 5}),
    "wconv2d": ((5, 4, 6), CONV | {"planes": 2, "levels": "ternary"}),
    "wdense": ((1, 1, 9), {"out_features": 5, "planes": 3}),
    "multithreshold": ((5, 4, 9), {"activation_bits": 2}),
    "quantize": ((5, 4, 9), {"activation_bits": 3}),
    "qconv2d": ((5, 4, 6), CONV),
    "qdense": ((1, 1, 9), {"out_features": 5}),
    "conv2d": ((7, 6, 6), CONV | {"dilation": (2, 2)}),
    "dense": ((1, 1, 9), {"out_features": 5}),
    "dense_bf16": ((1, 1, 9), {"out_features": 5}),
    "dense_i8": ((1, 1, 9), {"out_features": 5}),
    "threshold": ((5, 4, 9), {}),
    "sign": ((5, 4, 9), {}),
    "affine": ((5, 4, 9), {}),
    "add": ((5, 4, 9), {}),
    "kmap": ((5, 4, 9), WINDOW | {"dilation": (2, 1)}),
    "scale_map": ((5, 4, 9), {}),
    "scale_channels": ((5, 4, 9), {}),
    "relu": ((5, 4, 9), {}),
    "prelu": ((5, 4, 9), {}),
    "hardtanh": ((5, 4, 9), {}),
    "tanh": ((5, 4, 9), {}),
    "sigmoid": ((5, 4, 9), {}),
    "max_pool2d": ((5, 4, 9), WINDOW),
    "avg_pool2d": ((5, 4, 9), WINDOW | {"count_include_pad": False}),
    "global_avg_pool2d": ((5, 4, 9), {}),
    "concat": ((5, 4, 9), {}),
    "pick_channels": ((5, 4, 9), {"begin": 2, "out_channels": 6, "groups": 3}),
    "flatten": ((5, 4, 9), {}),
}
"""Op -> (input shape, attributes). A row of OPS without one fails test_every_row_has_a_case."""


def _value(rng: np.random.Generator, dtype: str, shape: tuple[int, ...]) -> np.ndarray:
    if dtype == "bits":
        return random_signs(rng, shape)
    if dtype == "f32":
        return rng.standard_normal(shape).astype(np.float32)
    if dtype == "bf16":
        return bfloat16(rng.standard_normal(shape).astype(np.float32))
    low, high = {"u8": (0, 256), "i8": (-127, 128), "i32": (-50, 51)}[dtype]
    return rng.integers(low, high, shape).astype(NUMPY[dtype])


def _dtypes(op: Op, first: str) -> tuple[str, ...]:
    """Element types of all inputs, alike where the row accepts that."""
    return tuple(first if first in accepted else min(accepted) for accepted in op.accepts)


def _runs() -> list[tuple[str, tuple[str, ...], bool]]:
    """(op, element types, with optional tensors?) for every combination a row accepts."""
    runs = []
    for op in OPS.values():
        combinations = [_dtypes(op, d) for d in sorted(op.accepts[0])] if op.accepts else [("u8",)]
        for dtypes in combinations:
            runs.append((op.name, dtypes, False))
            if any(spec.optional for spec in op.tensors.values()) and (op.name != "max_pool2d" or dtypes == ("bits",)):
                runs.append((op.name, dtypes, True))
    return runs


def test_every_row_has_a_case() -> None:
    assert sorted(CASES) == sorted(OPS)


@pytest.mark.parametrize(("name", "dtypes", "optional"), _runs())
def test_a_row_runs_and_gives_the_type_it_infers(name: str, dtypes: tuple[str, ...], optional: bool) -> None:
    op, (shape, given) = OPS[name], CASES[name]
    attrs, rng = op.complete(given), np.random.default_rng(7)
    second = {"scale_map": (*shape[:2], 1), "scale_channels": (1, 1, shape[2])}.get(name, shape)
    types = tuple(TensorType(d, s) for d, s in zip(dtypes, (shape, second), strict=False))
    values = [_value(rng, t.dtype, (2, *t.shape)) for t in types]

    def tensor(spec: TensorSpec) -> np.ndarray:
        return _value(rng, spec.dtype, spec.shape(types, attrs))

    tensors = {role: tensor(spec) for role, spec in op.tensors.items() if optional or not spec.optional}
    result, expected = op.run(values, attrs, tensors), op.infer(types if op.accepts else (), attrs)
    assert result.shape == (2, *expected.shape)
    assert result.dtype.name == NUMPY[expected.dtype]
    if expected.dtype == "bits":
        assert set(np.unique(result)) <= {-1, 1}
    for image in range(2):  # an image's result does not depend on the batch it came in
        alone = op.run([v[image : image + 1] for v in values], attrs, tensors)
        np.testing.assert_array_equal(alone, result[image : image + 1])


@pytest.mark.parametrize("op", OPS.values(), ids=lambda op: op.name)
def test_rows_are_documented(op) -> None:
    assert op.doc.endswith(".") and len(op.doc) > 10
    for name, spec in (*op.attrs.items(), *op.tensors.items()):
        assert spec.doc, f"{op.name}.{name} has no doc"
    assert op.exact == (op.ulps == 0)


@pytest.mark.parametrize(
    ("name", "attrs"),
    [
        ("bconv2d", {"out_channels": 4}),
        ("bconv2d", {"out_channels": 4, "kernel": (3, 3), "color": 1}),
        ("bconv2d", {"out_channels": 0, "kernel": (3, 3)}),
        ("bconv2d", {"out_channels": 4, "kernel": (3,)}),
        ("bconv2d", {"out_channels": 4, "kernel": 3}),
        ("bconv2d", {"out_channels": 4, "kernel": (3, 3), "pad_value": 2}),
        ("bconv2d", {"out_channels": 4, "kernel": (3, 3), "stride": (0, 1)}),
        ("bconv2d", {"out_channels": 4.0, "kernel": (3, 3)}),
        ("bconv2d", {"out_channels": True, "kernel": (3, 3)}),
        ("avg_pool2d", {"kernel": (2, 2), "count_include_pad": 1}),
        ("wdense", {"out_features": 4, "planes": 5}),
        ("wdense", {"out_features": 4, "levels": "quaternary"}),
        ("wdense", {"out_features": 4, "levels": 2}),
        ("quantize", {"activation_bits": 9}),
        ("input", {"dtype": "f64", "shape": (1, 1, 1)}),
    ],
)
def test_bad_attributes_are_refused_by_reason(name: str, attrs: dict[str, Any]) -> None:
    with pytest.raises(GraphError, match="bad_attr") as caught:
        OPS[name].complete(attrs)
    assert caught.value.reason == "bad_attr"


def test_lists_from_a_file_become_tuples() -> None:
    assert OPS["max_pool2d"].complete({"kernel": [2, 2]})["kernel"] == (2, 2)


@pytest.mark.parametrize(
    ("name", "shapes", "attrs"),
    [
        ("bconv2d", [(5, 5, 3)], {"out_channels": 4, "kernel": (3, 3), "groups": 2}),
        ("bconv2d", [(2, 2, 3)], {"out_channels": 4, "kernel": (3, 3)}),
        ("bdense", [(2, 1, 3)], {"out_features": 4}),
        ("add", [(2, 1, 3), (2, 1, 4)], {}),
        ("concat", [(2, 1, 3), (1, 2, 3)], {}),
        ("pick_channels", [(2, 1, 3)], {"begin": 2, "out_channels": 2}),
        ("pick_channels", [(2, 1, 3)], {"out_channels": 3, "groups": 2}),
        ("scale_map", [(2, 1, 3), (2, 1, 3)], {}),
        ("scale_map", [(2, 1, 3), (1, 1, 1)], {}),
        ("scale_channels", [(2, 1, 3), (2, 1, 3)], {}),
        ("scale_channels", [(2, 1, 3), (1, 1, 1)], {}),
        ("kmap", [(2, 2, 3)], {"kernel": (2, 2), "dilation": (2, 1)}),
        ("wdense", [(1, 1, 3)], {"out_features": 4, "levels": "ternary"}),
        ("wdense", [(1, 1, 3)], {"out_features": 4, "activation_bits": 2}),
        ("max_pool2d", [(4, 4, 3)], {"kernel": (2, 2), "padding": (2, 0, 0, 0)}),
    ],
)
def test_types_that_do_not_fit_are_refused(
    name: str, shapes: list[tuple[int, int, int]], attrs: dict[str, Any]
) -> None:
    op = OPS[name]
    types = tuple(TensorType(d, s) for d, s in zip(_dtypes(op, min(op.accepts[0])), shapes, strict=True))
    with pytest.raises(ShapeError):
        op.infer(types, op.complete(attrs))
