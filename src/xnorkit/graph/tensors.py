"""Rules for the tensors of a node: present, of the right element type and shape, with values every backend can use."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import GraphError, LimitError
from ..reference import bounds, linear, wbits
from ..reference.codecs import table as codecs
from ..reference.codecs.coded import Coded
from ..reference.ops import TensorSpec
from ..reference.shapes import TensorType, checked_product
from .infer import op_row, shown
from .ir import Node, Tensor

Array = NDArray[Any]

STORAGE: dict[str, np.dtype[Any]] = {
    "bits": np.dtype("u1"),
    "i8": np.dtype("i1"),
    "i32": np.dtype("<i4"),
    "f32": np.dtype("<f4"),
    "bf16": np.dtype("<u2"),
}
"""Element type of a TensorSpec -> NumPy type of the stored array. ``bits`` are dense, flat, LSB first; ``bf16`` are the
upper halves of float32."""

_LARGEST_INPUT = {"u8": 255, "bits": 1}


def tensor_shape(
    where: str, spec: TensorSpec, inputs: tuple[TensorType, ...], attrs: Mapping[str, Any]
) -> tuple[int, ...]:
    """Shape by meaning, e.g. (O, kH, kW, C/groups). Raises GraphError ``limit`` for 2^31 elements or more."""
    shape = spec.shape(inputs, attrs)
    try:
        checked_product(shape)
    except LimitError as error:
        raise GraphError("limit", where, error.what, got=error.got, expected=error.expected) from error
    return shape


def stored_shape(spec: TensorSpec, shape: tuple[int, ...]) -> tuple[int, ...]:
    """Shape of the stored array: the same, but ``bits`` are ceil(n / 8) flat bytes.

    >>> from ..reference.ops import OPS
    >>> stored_shape(OPS["bconv2d"].tensors["weight"], (2, 3, 3, 1))
    (3,)
    """
    return (-(-checked_product(shape) // 8),) if spec.dtype == "bits" else shape


def check_tensors(node: Node, inputs: tuple[TensorType, ...], attrs: Mapping[str, Any],
                  tensors: Mapping[str, Tensor]) -> None:  # fmt: skip
    """Check every tensor of a node whose type has been inferred. ``tensors``: as in ``Graph.tensors``.

    Raises GraphError: ``unknown_role``, ``missing_tensor``, ``flip_input``, ``tensor_dtype``, ``tensor_shape``,
    ``bits_tail``, ``tensor_range``, ``accumulator``, ``coded`` or ``limit``. Streams of coded weights are read, and
    checked, when they are decoded.
    """
    row = op_row(node)
    for role in node.tensors:
        if role not in row.tensors:
            raise GraphError(
                "unknown_role", node.name, f"{row.name} tensor", got=shown(role), expected=sorted(row.tensors)
            )
    for role, spec in row.tensors.items():
        if role not in node.tensors:
            if spec.optional:
                continue
            raise GraphError("missing_tensor", node.name, f"{row.name} tensor", got="none", expected=role)
        key = node.tensors[role]
        if key not in tensors:
            raise GraphError("missing_tensor", node.name, f"tensor of {role}", got="none", expected=shown(key))
        if row.name == "max_pool2d" and role == "flip" and inputs[0].dtype != "bits":
            raise GraphError("flip_input", node.name, "flip needs a bits input", got=inputs[0])
        _check_tensor(node, role, spec, inputs, attrs, tensors[key])


def _check_tensor(node: Node, role: str, spec: TensorSpec, inputs: tuple[TensorType, ...], attrs: Mapping[str, Any],
                  array: Tensor) -> None:  # fmt: skip
    where = f"{node.name}.{role}"
    shape = tensor_shape(where, spec, inputs, attrs)
    if isinstance(array, Coded) and spec.dtype == "f32":
        codecs.check(array)
        if array.shape != shape:
            raise GraphError("tensor_shape", where, "shape", got=array.shape, expected=shape, hint=spec.doc)
        return
    if not isinstance(array, np.ndarray) or array.dtype != STORAGE[spec.dtype]:
        raise GraphError("tensor_dtype", where, "element type", got=getattr(array, "dtype", type(array).__name__),
                         expected=f"{STORAGE[spec.dtype]} for {spec.dtype}")  # fmt: skip
    if array.shape != stored_shape(spec, shape):
        raise GraphError("tensor_shape", where, "shape", got=array.shape, expected=stored_shape(spec, shape),
                         hint=f"{spec.dtype} {shape}, {spec.doc}")  # fmt: skip
    if spec.dtype == "bits":
        tail = checked_product(shape) % 8
        if tail and int(array[-1]) >> tail:
            raise GraphError(
                "bits_tail", where, "bits after the last element", got=bin(int(array[-1]) >> tail), expected="zeros"
            )
        if "planes" in attrs and inputs[0].dtype == "u8":
            products = checked_product(shape) // (shape[0] * shape[1])
            _require_accumulator(where, wbits.bound(products, attrs["planes"], attrs["activation_bits"]))
    elif spec.dtype in ("f32", "bf16"):
        if not np.isfinite(linear.from_bfloat16(array) if spec.dtype == "bf16" else array).all():
            raise GraphError("tensor_range", where, "values", got="NaN or infinity", expected="finite numbers")
    elif spec.dtype == "i8":
        _check_integer_weight(where, inputs[0].dtype, array)


def _check_integer_weight(where: str, input_dtype: str, weight: Array) -> None:
    """Symmetric int8 (no -128), and integer sums so short that every partial one, in any order, fits an int32."""
    if (weight == -128).any():
        raise GraphError("tensor_range", where, "values", got=-128, expected="-127..127")
    if input_dtype not in _LARGEST_INPUT:  # float sums cannot leave their range unseen
        return
    _require_accumulator(
        where, bounds.accumulator_bound(weight[0].size, _LARGEST_INPUT[input_dtype], bounds.WEIGHT_MAX_INT8)
    )


def _require_accumulator(where: str, bound: int) -> None:
    if not bounds.fits_int32(bound):
        raise GraphError("accumulator", where, "a sum can reach", got=bound, expected=f"at most {bounds.INT32_MAX}",
                         hint="use fewer inputs per output, or groups")  # fmt: skip
