"""THE TABLE OF GRADIENTS: for every op of ``ops.OPS`` its backward, or why it has none.

A backward takes what the op's forward took and g = dC/dy, and gives dC/d of each input and of each tensor by role, all
float64. Signs and integers are differentiated as the numbers they are: what a real weight behind a sign gets is the
business of a quantizer (``sign``'s window, ``xnorkit.nn.quantizers``). That window belongs to training, so the packed
op has no attribute of it; its backward takes ``window`` (1) and ``strict`` (False) all the same.

Where each formula comes from: the total differential is dC = sum g dy. Put the op's dy into it, exchange the sums,
and what stands before each dx is dC/dx. So y = W x has dC = sum_o g_o sum_c (W_oc dx_c + x_c dW_oc), and
dC/dx_c = sum_o g_o W_oc, dC/dW_oc = g_o x_c; a number that many outputs read collects a term from each of them.

>>> x = np.array([[[[3.0, -2.0]]]])
>>> (dx,), tensors = GRADIENTS["relu"]((x,), {}, {}, np.ones_like(x))
>>> dx.ravel().tolist(), tensors
([1.0, 0.0], {})
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...errors import ShapeError
from .. import checks
from ..channels import picked
from ..linear import from_bfloat16
from ..ops import OPS
from ..shapes import TensorType
from . import linear, pointwise, pooling

Array = NDArray[Any]
Attrs = Mapping[str, Any]
Tensors = Mapping[str, Array]
Result = tuple[tuple[Array, ...], dict[str, Array]]
Backward = Callable[[Sequence[Array], Attrs, Tensors, Array], Result]

NO_GRADIENT = {
    "input": "it has no inputs",
    "threshold": "a step of integers; it stands for a sign, which trains through its window",
    "multithreshold": "steps of integers; it stands for a quantizer, which trains straight through",
    "quantize": "steps; it stands for a quantizer, which trains straight through",
}
"""Ops without a backward, and the reason."""


def _checked(name: str, row: Backward) -> Backward:
    """``row`` behind the op's own rules: shapes of inputs, tensors and g, or ShapeError; results float64, owned."""
    op = OPS[name]

    def backward(inputs: Sequence[Array], attrs: Attrs, tensors: Tensors, grad: Array) -> Result:
        if len(inputs) != len(op.accepts):
            raise ShapeError(name, "inputs", got=len(inputs), expected=len(op.accepts))
        for x in inputs:
            checks.rank(name, "input", x, "N H W C")
        types = tuple(TensorType("u8" if x.dtype == np.uint8 else "f32", x.shape[1:]) for x in inputs)
        for x in inputs[1:]:
            checks.shape(name, "second input", x, (len(inputs[0]), *x.shape[1:]))
        checks.shape(name, "gradient", grad, (len(inputs[0]), *op.infer(types, attrs).shape))
        needed = {role for role, spec in op.tensors.items() if not spec.optional}
        if not needed <= set(tensors) <= set(op.tensors):
            raise ShapeError(name, "tensors", got=sorted(tensors), expected=sorted(op.tensors))
        for role, tensor in tensors.items():
            checks.shape(name, role, tensor, op.tensors[role].shape(types, attrs))
        found, by_role = row(inputs, attrs, tensors, grad.astype(np.float64))
        return tuple(np.array(f, np.float64) for f in found), {r: np.array(f, np.float64) for r, f in by_role.items()}

    return backward


def _sign(inputs: Sequence[Array], attrs: Attrs, tensors: Tensors, grad: Array) -> Result:
    return (pointwise.sign(inputs[0], grad, attrs.get("window", 1.0), strict=attrs.get("strict", False)),), {}


def _conv2d(inputs: Sequence[Array], attrs: Attrs, tensors: Tensors, grad: Array) -> Result:
    window = {k: attrs[k] for k in ("stride", "padding", "dilation", "groups")}
    dx, dw = linear.conv2d(inputs[0], tensors["weight"], grad, pad_value=attrs.get("pad_value", 0), **window)
    return (dx,), {"weight": dw} | ({"bias": linear.bias(grad)} if "bias" in tensors else {})


def _dense(inputs: Sequence[Array], attrs: Attrs, tensors: Tensors, grad: Array) -> Result:
    dx, dw = linear.dense(inputs[0], tensors["weight"], grad)
    return (dx,), {"weight": dw} | ({"bias": linear.bias(grad)} if "bias" in tensors else {})


def _dense_bf16(inputs: Sequence[Array], attrs: Attrs, tensors: Tensors, grad: Array) -> Result:
    """The weight's gradient is that of its value."""
    return _dense(inputs, attrs, {**tensors, "weight": from_bfloat16(tensors["weight"])}, grad)


def _dense_i8(inputs: Sequence[Array], attrs: Attrs, tensors: Tensors, grad: Array) -> Result:
    """y = scale (W x) + bias: g scale goes back through W x, and dC/dscale is the sum of g (W x)."""
    scale = tensors["scale"].astype(np.float64)
    inner, found = _dense(inputs, attrs, {"weight": tensors["weight"]}, grad * scale)
    sums = inputs[0].astype(np.float64) @ tensors["weight"].T.astype(np.float64)
    found |= {"scale": (grad * sums).sum(axis=(0, 1, 2))}
    return inner, found | ({"bias": linear.bias(grad)} if "bias" in tensors else {})


def _few_bits(layer: Backward) -> Backward:
    """W = sum of 2^i s_i, or (s_0 + s_1)/2, so dC/ds_i = 2^i dC/dW, or half; a code above its largest stands still."""

    def backward(inputs: Sequence[Array], attrs: Attrs, tensors: Tensors, grad: Array) -> Result:
        planes = tensors["weight"].astype(np.float64)
        ternary = attrs["levels"] == "ternary"
        factors = np.full(len(planes), 0.5) if ternary else 2.0 ** np.arange(len(planes))
        x = inputs[0].astype(np.float64)
        slope = np.ones_like(x)
        if inputs[0].dtype == np.uint8:
            most = 2 ** attrs["activation_bits"] - 1
            signed = attrs["activation_levels"] == "signed"
            slope = np.where(x <= most, 2.0 if signed else 1.0, 0.0)
            x = np.minimum(x, most)
            x = 2 * x - most if signed else x
        (dx,), found = layer((x,), attrs, {"weight": np.tensordot(factors, planes, 1)}, grad)
        return (dx * slope,), {"weight": np.multiply.outer(factors, found["weight"])}

    return backward


def _prelu(inputs: Sequence[Array], attrs: Attrs, tensors: Tensors, grad: Array) -> Result:
    dx, dslope = pointwise.prelu(inputs[0], tensors["slope"], grad)
    return (dx,), {"slope": dslope}


def _affine(inputs: Sequence[Array], attrs: Attrs, tensors: Tensors, grad: Array) -> Result:
    dx, dscale, dbias = pointwise.affine(inputs[0], tensors["scale"], grad)
    return (dx,), {"scale": dscale, "bias": dbias}


def _kmap(inputs: Sequence[Array], attrs: Attrs, tensors: Tensors, grad: Array) -> Result:
    """K = box * mean_c |x|: back through the box, then sign(x) / C, and 0 at x = 0."""
    x = inputs[0].astype(np.float64)
    kernel = attrs["kernel"]
    mean = pooling.mean_pool2d(grad, (*x.shape[:3], 1), kernel, attrs["stride"], attrs["padding"],
                               float(kernel[0] * kernel[1]), attrs["dilation"])  # fmt: skip
    return (mean * np.sign(x) / x.shape[3],), {}


def _scale_map(inputs: Sequence[Array], attrs: Attrs, tensors: Tensors, grad: Array) -> Result:
    x, factor = (value.astype(np.float64) for value in inputs)
    return (grad * factor, (grad * x).sum(axis=3, keepdims=True)), {}


def _scale_channels(inputs: Sequence[Array], attrs: Attrs, tensors: Tensors, grad: Array) -> Result:
    x, factor = (value.astype(np.float64) for value in inputs)
    return (grad * factor, (grad * x).sum(axis=(1, 2), keepdims=True)), {}


def _max_pool2d(inputs: Sequence[Array], attrs: Attrs, tensors: Tensors, grad: Array) -> Result:
    window = attrs["kernel"], attrs["stride"], attrs["padding"]
    return (pooling.max_pool2d(inputs[0], grad, *window, tensors.get("flip")),), {}


def _avg_pool2d(inputs: Sequence[Array], attrs: Attrs, tensors: Tensors, grad: Array) -> Result:
    shape, kernel, stride, padding = inputs[0].shape, attrs["kernel"], attrs["stride"], attrs["padding"]
    counts: Array | float = float(kernel[0] * kernel[1])
    if not attrs["count_include_pad"]:
        counts = pooling.tap_counts(shape[1:3], kernel, stride, padding, grad.shape[1:3])
    return (pooling.mean_pool2d(grad, shape, kernel, stride, padding, counts),), {}


def _global_avg_pool2d(inputs: Sequence[Array], attrs: Attrs, tensors: Tensors, grad: Array) -> Result:
    _, h, w, _ = inputs[0].shape
    return (np.broadcast_to(grad / (h * w), inputs[0].shape),), {}


def _concat(inputs: Sequence[Array], attrs: Attrs, tensors: Tensors, grad: Array) -> Result:
    first = inputs[0].shape[3]
    return (grad[..., :first], grad[..., first:]), {}


def _pick_channels(inputs: Sequence[Array], attrs: Attrs, tensors: Tensors, grad: Array) -> Result:
    spread = np.zeros(inputs[0].shape)
    spread[..., picked(inputs[0].shape[3], attrs["begin"], attrs["out_channels"], attrs["groups"])] = grad
    return (spread,), {}


def _pointwise(function: Callable[[Array, Array], Array]) -> Backward:
    return lambda inputs, attrs, tensors, grad: ((function(inputs[0], grad),), {})


_ROWS: dict[str, Backward] = {
    "bconv2d": _conv2d,
    "bdense": _dense,
    "wconv2d": _few_bits(_conv2d),
    "wdense": _few_bits(_dense),
    "qconv2d": _conv2d,
    "qdense": _dense,
    "conv2d": _conv2d,
    "dense": _dense,
    "dense_bf16": _dense_bf16,
    "dense_i8": _dense_i8,
    "sign": _sign,
    "affine": _affine,
    "add": lambda inputs, attrs, tensors, grad: ((grad, grad), {}),
    "kmap": _kmap,
    "scale_map": _scale_map,
    "scale_channels": _scale_channels,
    "relu": _pointwise(pointwise.relu),
    "prelu": _prelu,
    "hardtanh": _pointwise(pointwise.hardtanh),
    "tanh": _pointwise(pointwise.tanh),
    "sigmoid": _pointwise(pointwise.sigmoid),
    "max_pool2d": _max_pool2d,
    "avg_pool2d": _avg_pool2d,
    "global_avg_pool2d": _global_avg_pool2d,
    "concat": _concat,
    "pick_channels": _pick_channels,
    "flatten": lambda inputs, attrs, tensors, grad: ((grad.reshape(inputs[0].shape),), {}),
}

GRADIENTS: dict[str, Backward] = {name: _checked(name, row) for name, row in _ROWS.items()}
"""Op -> backward ``(inputs, attrs, tensors, g) -> (dC/d each input, dC/d each tensor by role)``."""
