"""THE OP TABLE: every operation a packed graph may hold, one row each.

A row states what an op accepts (element types, attributes, tensors), what type it returns, and what it means (a NumPy
function of this package). ``graph`` verifies and infers with it, ``runtime``'s NumPy backend runs it, the engine is
tested against it, the docs and ``xnorkit list ops`` print it.

Value types are for one image: ``(H, W, C)`` with channels innermost, vectors are ``(1, 1, C)``; the batch is implicit.
In ``Op.run`` values are arrays ``(N, H, W, C)``; ``bits`` values and tensors travel *by meaning*, as int8 -1/+1.

>>> OPS["bconv2d"].accepts
(frozenset({'bits'}),)
>>> attrs = {"out_channels": 8, "kernel": (3, 3), "padding": (1, 1, 1, 1)}
>>> OPS["bconv2d"].infer((TensorType("bits", (14, 14, 4)),), OPS["bconv2d"].complete(attrs))
TensorType(dtype='i32', shape=(14, 14, 8))
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..errors import ShapeError
from . import activations, binary, channels, codes, kmap, linear, pooling, shapes, thresholds, wbits
from .conventions import sign
from .op_row import Array as Array
from .op_row import Attr, Attrs, Infer
from .op_row import Op as Op
from .op_row import TensorSpec as TensorSpec
from .shapes import TensorType


def _types(*names: str) -> frozenset[str]:
    return frozenset(names)


_POSITIVE: dict[str, Any] = {"low": 1}
_OUT_CHANNELS = Attr("int", **_POSITIVE, doc="O, output channels")
_WINDOW = {
    "kernel": Attr("ints2", **_POSITIVE, doc="(kH, kW)"),
    "stride": Attr("ints2", (1, 1), **_POSITIVE, doc="(sH, sW)"),
    "padding": Attr("ints4", (0, 0, 0, 0), doc="(top, left, bottom, right)"),
}
_DILATION = {"dilation": Attr("ints2", (1, 1), **_POSITIVE, doc="(dH, dW)")}
_CONV = {
    "out_channels": _OUT_CHANNELS,
    **_WINDOW,
    **_DILATION,
    "groups": Attr("int", 1, **_POSITIVE, doc="C and O are multiples of it"),
}
_PAD_VALUE = Attr("int", 0, low=-1, high=1, doc="what a padded tap contributes: 0, +1 or -1")
_OUT_FEATURES = Attr("int", **_POSITIVE, doc="O, output features")
_SEGMENT = Attr("int", 0, doc="channels whose sum is formed alone, a divisor of C; 0: all in one; kernels of one pixel",
                later=True)  # fmt: skip
_CODE_BITS = Attr("int", 8, low=1, high=8, doc="k, codes are 0..2^k - 1")
_FEW_BITS = {
    "planes": Attr("int", 1, low=1, high=wbits.MAX_PLANES, doc="P, signs a weight is made of"),
    "levels": Attr("choice", "sum", choices=("sum", "ternary"), doc="sum of 2^i s_i, or (s_0 + s_1) / 2"),
    "activation_bits": Attr("int", 8, low=1, high=8, doc="a, a code is min(x, 2^a - 1); 8 on f32"),
    "activation_levels": Attr("choice", "unsigned", choices=("unsigned", "signed"),
                              doc="value of a code q: q, or 2q - (2^a - 1); unsigned on f32"),
}  # fmt: skip


def _conv_type(inputs: tuple[TensorType, ...], attrs: Attrs, dtype: str) -> TensorType:
    h, w, c = inputs[0].shape
    groups, out = attrs["groups"], attrs["out_channels"]
    if c % groups or out % groups:
        raise ShapeError("conv", "channels", got=f"C={c}, O={out}", expected=f"multiples of groups={groups}")
    ho, wo = shapes.window_output((h, w), attrs["kernel"], attrs["stride"], attrs["padding"], attrs["dilation"])
    return TensorType(dtype, (ho, wo, out))


def _dense_type(inputs: tuple[TensorType, ...], attrs: Attrs, dtype: str) -> TensorType:
    if inputs[0].shape[:2] != (1, 1):
        raise ShapeError("dense", "input", got=inputs[0].shape, expected="(1, 1, C)", hint="flatten first")
    return TensorType(dtype, (1, 1, attrs["out_features"]))


def _segmented_type(inputs: tuple[TensorType, ...], attrs: Attrs) -> TensorType:
    """Of float convolutions and dense products."""
    if attrs["segment"] and inputs[0].shape[2] % attrs["segment"]:
        raise ShapeError("dense", "segment", got=attrs["segment"], expected=f"a divisor of C={inputs[0].shape[2]}")
    if "kernel" not in attrs:
        return _dense_type(inputs, attrs, "f32")
    if attrs["segment"]:
        window = (attrs[key] for key in ("kernel", "stride", "padding", "groups"))
        linear.require_pointwise("conv2d", *window)
    return _conv_type(inputs, attrs, "f32")


def _conv_weight(inputs: tuple[TensorType, ...], attrs: Attrs) -> tuple[int, ...]:
    return (attrs["out_channels"], *attrs["kernel"], inputs[0].shape[2] // attrs["groups"])


def _dense_weight(inputs: tuple[TensorType, ...], attrs: Attrs) -> tuple[int, ...]:
    return (attrs["out_features"], inputs[0].shape[2])


def _few_bits_type(inputs: tuple[TensorType, ...], attrs: Attrs) -> str:
    if attrs["levels"] == "ternary" and attrs["planes"] != 2:
        raise ShapeError("wconv2d", "planes", got=attrs["planes"], expected="2 for ternary levels")
    if inputs[0].dtype == "f32" and (attrs["activation_bits"], attrs["activation_levels"]) != (8, "unsigned"):
        raise ShapeError("wconv2d", "activation codes", got=f"{attrs['activation_bits']} bits, "
                         f"{attrs['activation_levels']}", expected="the defaults on f32")  # fmt: skip
    return "f32" if inputs[0].dtype == "f32" else "i32"


def _codes(attrs: Attrs) -> dict[str, Any]:
    return {k: attrs[k] for k in ("levels", "activation_bits", "activation_levels")}


def _channels(inputs: tuple[TensorType, ...], attrs: Attrs) -> tuple[int, ...]:
    return (inputs[0].shape[2],)


def _same(dtype: str | None = None) -> Infer:
    return lambda inputs, attrs: TensorType(dtype or inputs[0].dtype, inputs[0].shape)


def _pool_type(inputs: tuple[TensorType, ...], attrs: Attrs) -> TensorType:
    h, w, c = inputs[0].shape
    top, left, bottom, right = attrs["padding"]
    kh, kw = attrs["kernel"]
    if max(top, bottom) >= kh or max(left, right) >= kw:
        raise ShapeError("pool", "padding", got=attrs["padding"], expected=f"less than the kernel {attrs['kernel']}")
    ho, wo = shapes.window_output((h, w), attrs["kernel"], attrs["stride"], attrs["padding"], (1, 1))
    return TensorType(inputs[0].dtype, (ho, wo, c))


def _add_type(inputs: tuple[TensorType, ...], attrs: Attrs) -> TensorType:
    if inputs[0].shape != inputs[1].shape:
        raise ShapeError("add", "shapes", got=inputs[1].shape, expected=inputs[0].shape)
    return inputs[0]


def _kmap_type(inputs: tuple[TensorType, ...], attrs: Attrs) -> TensorType:
    size = shapes.window_output(
        inputs[0].shape[:2], attrs["kernel"], attrs["stride"], attrs["padding"], attrs["dilation"]
    )
    return TensorType("f32", (*size, 1))


def _scaled_type(inputs: tuple[TensorType, ...], attrs: Attrs) -> TensorType:
    expected = (*inputs[0].shape[:2], 1)
    if inputs[1].shape != expected:
        raise ShapeError("scale_map", "second input", got=inputs[1].shape, expected=expected)
    return TensorType("f32", inputs[0].shape)


def _channels_scaled_type(inputs: tuple[TensorType, ...], attrs: Attrs) -> TensorType:
    expected = (1, 1, inputs[0].shape[2])
    if inputs[1].shape != expected:
        raise ShapeError("scale_channels", "second input", got=inputs[1].shape, expected=expected)
    return inputs[0]


def _concat_type(inputs: tuple[TensorType, ...], attrs: Attrs) -> TensorType:
    (h, w, first), (*_, second) = inputs[0].shape, inputs[1].shape
    expected = TensorType(inputs[0].dtype, (h, w, second))
    if inputs[1] != expected:
        raise ShapeError("concat", "second input", got=inputs[1], expected=expected)
    shapes.checked_product((h, w, first + second))
    return TensorType(inputs[0].dtype, (h, w, first + second))


def _picked_type(inputs: tuple[TensorType, ...], attrs: Attrs) -> TensorType:
    (h, w, c), count = inputs[0].shape, attrs["out_channels"]
    channels.picked(c, attrs["begin"], count, attrs["groups"])
    return TensorType(inputs[0].dtype, (h, w, count))


def _flat_type(inputs: tuple[TensorType, ...], attrs: Attrs) -> TensorType:
    return TensorType(inputs[0].dtype, (1, 1, shapes.checked_product(inputs[0].shape)))


def _window(attrs: Attrs) -> dict[str, Any]:
    return {k: attrs[k] for k in ("stride", "padding", "dilation", "groups")}


def _pool(attrs: Attrs) -> tuple[Any, Any, Any]:
    return attrs["kernel"], attrs["stride"], attrs["padding"]


def _run_flatten(x: Sequence[Array], attrs: Attrs, tensors: Mapping[str, Array]) -> Array:
    return np.ascontiguousarray(x[0]).reshape(x[0].shape[0], 1, 1, -1)


_F32 = _types("f32")
_ANY = _types("u8", "i32", "f32", "bits")
_OPTIONAL_BIAS = TensorSpec("f32", lambda i, a: (a["out_features"],), optional=True, doc="(O,)")
_ROWS = (
    Op("input", "A graph input: uint8 pixels 0..255 or float32.", (),
       lambda i, a: TensorType(a["dtype"], a["shape"]), lambda x, a, t: x[0],
       {"dtype": Attr("dtype", doc="u8 or f32"), "shape": Attr("ints3", **_POSITIVE, doc="(H, W, C)")}),
    Op("bconv2d", "Binary x binary convolution; the accumulator is the integer sum of +-1 products.",
       (_types("bits"),), lambda i, a: _conv_type(i, a, "i32"),
       lambda x, a, t: binary.bconv2d(x[0], t["weight"], pad_value=a["pad_value"], **_window(a)),
       {**_CONV, "pad_value": _PAD_VALUE}, {"weight": TensorSpec("bits", _conv_weight, doc="(O, kH, kW, C/groups)")}),
    Op("bdense", "Binary x binary matrix product.", (_types("bits"),), lambda i, a: _dense_type(i, a, "i32"),
       lambda x, a, t: binary.bdense(x[0], t["weight"]),
       {"out_features": _OUT_FEATURES}, {"weight": TensorSpec("bits", _dense_weight, doc="(O, C)")}),
    Op("wconv2d", "Few-bit weights (binary, ternary, 2..4 planes) x uint8 codes, exact; or x float32, quads first.",
       (_types("u8", "f32"),), lambda i, a: _conv_type(i, a, _few_bits_type(i, a)),
       lambda x, a, t: wbits.wconv2d(x[0], t["weight"], **_window(a), **_codes(a)), {**_CONV, **_FEW_BITS},
       {"weight": TensorSpec("bits", lambda i, a: (a["planes"], *_conv_weight(i, a)), doc="(P, O, kH, kW, C/groups)")}),
    Op("wdense", "Few-bit weights x uint8 codes or float32: wconv2d of one pixel.", (_types("u8", "f32"),),
       lambda i, a: _dense_type(i, a, _few_bits_type(i, a)),
       lambda x, a, t: wbits.wdense(x[0], t["weight"], **_codes(a)), {"out_features": _OUT_FEATURES, **_FEW_BITS},
       {"weight": TensorSpec("bits", lambda i, a: (a["planes"], *_dense_weight(i, a)), doc="(P, O, C)")}),
    Op("qconv2d", "uint8 x int8 convolution, zero padding, integer accumulator.", (_types("u8"),),
       lambda i, a: _conv_type(i, a, "i32"), lambda x, a, t: linear.qconv2d(x[0], t["weight"], **_window(a)),
       _CONV, {"weight": TensorSpec("i8", _conv_weight, doc="(O, kH, kW, C/groups), -127..127")}),
    Op("qdense", "uint8 or +-1 inputs x int8 weights, integer accumulator.", (_types("u8", "bits"),),
       lambda i, a: _dense_type(i, a, "i32"), lambda x, a, t: linear.qdense(x[0], t["weight"]),
       {"out_features": _OUT_FEATURES}, {"weight": TensorSpec("i8", _dense_weight, doc="(O, C), -127..127")}),
    Op("conv2d", "float32 convolution; additions in (kh, kw, c) order, then bias; no fused multiply-add.", (_F32,),
       _segmented_type,
       lambda x, a, t: linear.conv2d(x[0], t["weight"], t.get("bias"), segment=a["segment"], **_window(a)),
       {**_CONV, "segment": _SEGMENT}, {"weight": TensorSpec("f32", _conv_weight, doc="(O, kH, kW, C/groups)"),
               "bias": TensorSpec("f32", lambda i, a: (a["out_channels"],), optional=True, doc="(O,)")}),
    Op("dense", "float32 matrix product; additions in channel order, then bias; no fused multiply-add.", (_F32,),
       _segmented_type, lambda x, a, t: linear.dense(x[0], t["weight"], t.get("bias"), segment=a["segment"]),
       {"out_features": _OUT_FEATURES,
        "segment": _SEGMENT},
       {"weight": TensorSpec("f32", _dense_weight, doc="(O, C)"),
        "bias": _OPTIONAL_BIAS}),
    Op("dense_bf16", "float32 inputs x bfloat16 weights, summed as `dense` does.", (_F32,),
       lambda i, a: _dense_type(i, a, "f32"), lambda x, a, t: linear.dense_bf16(x[0], t["weight"], t.get("bias")),
       {"out_features": _OUT_FEATURES},
       {"weight": TensorSpec("bf16", _dense_weight, doc="(O, C)"), "bias": _OPTIONAL_BIAS}),
    Op("dense_i8", "float32 inputs x int8 weights, summed as `dense` does, * scale[o], + bias[o]; each step rounded.",
       (_F32,), lambda i, a: _dense_type(i, a, "f32"),
       lambda x, a, t: linear.dense_i8(x[0], t["weight"], t["scale"], t.get("bias")), {"out_features": _OUT_FEATURES},
       {"weight": TensorSpec("i8", _dense_weight, doc="(O, C), -127..127"),
        "scale": TensorSpec("f32", lambda i, a: (a["out_features"],), doc="(O,)"), "bias": _OPTIONAL_BIAS}),
    Op("threshold", "-1 where (x < threshold[c]) differs from flip[c], else +1; flip is -1 for a flipped channel.",
       (_types("i32"),), _same("bits"), lambda x, a, t: thresholds.apply(x[0], t["threshold"], t["flip"]),
       tensors={"threshold": TensorSpec("i32", _channels, doc="(C,)"),
                "flip": TensorSpec("bits", _channels, doc="(C,)")}),
    Op("multithreshold", "Code: how many thresholds x reaches, or misses in a flipped channel.", (_types("i32"),),
       _same("u8"), lambda x, a, t: codes.multithreshold(x[0], t["threshold"], t["flip"]),
       {"activation_bits": _CODE_BITS},
       {"threshold": TensorSpec("i32", lambda i, a: (i[0].shape[2], 2 ** a["activation_bits"] - 1), doc="(C, 2^k - 1)"),
        "flip": TensorSpec("bits", _channels, doc="(C,)")}),
    Op("quantize", "Code: floor(x * scale[c] + bias[c]), two roundings before, clipped to 0..2^k - 1; NaN gives 0.",
       (_F32,), _same("u8"), lambda x, a, t: codes.quantize(x[0], t["scale"], t["bias"], a["activation_bits"]),
       {"activation_bits": _CODE_BITS},
       {"scale": TensorSpec("f32", _channels, doc="(C,)"), "bias": TensorSpec("f32", _channels, doc="(C,)")}),
    Op("sign", "-1 where x < 0, else +1.", (_F32,), _same("bits"), lambda x, a, t: sign(x[0])),
    Op("affine", "x * scale[c] + bias[c] in float32, two roundings.", (_types("u8", "i32", "f32", "bits"),),
       _same("f32"), lambda x, a, t: activations.affine(x[0], t["scale"], t["bias"]),
       tensors={"scale": TensorSpec("f32", _channels, doc="(C,)"), "bias": TensorSpec("f32", _channels, doc="(C,)")}),
    Op("add", "Elementwise float32 sum (residual).", (_F32, _F32), _add_type, lambda x, a, t: x[0] + x[1]),
    Op("kmap", "XNOR-Net's K: mean of |x| over channels, then over windows, padded taps being 0; in a fixed order.",
       (_F32,), _kmap_type,
       lambda x, a, t: kmap.kmap(x[0], a["kernel"], a["stride"], a["padding"], a["dilation"]),
       {**_WINDOW, **_DILATION}),
    Op("scale_map", "x * factor[h, w] in float32; the factor is one value a pixel.", (_types("i32", "f32"), _F32),
       _scaled_type, lambda x, a, t: kmap.scale_map(x[0], x[1])),
    Op("scale_channels", "x * factor[c] in float32; an image has its own factors (a squeeze-and-excitation gate).",
       (_F32, _F32), _channels_scaled_type, lambda x, a, t: activations.scale_channels(x[0], x[1])),
    Op("relu", "max(x, 0); NaN and -0 give +0.", (_F32,), _same(), lambda x, a, t: activations.relu(x[0])),
    Op("prelu", "x where x >= 0, else slope[c] * x.", (_F32,), _same(),
       lambda x, a, t: activations.prelu(x[0], t["slope"]),
       tensors={"slope": TensorSpec("f32", _channels, doc="(C,)")}),
    Op("hardtanh", "min(max(x, -1), 1).", (_F32,), _same(), lambda x, a, t: activations.hardtanh(x[0])),
    Op("tanh", "Hyperbolic tangent, within 4 ulps.", (_F32,), _same(), lambda x, a, t: activations.tanh(x[0]),
       exact=False, ulps=4),
    Op("sigmoid", "1 / (1 + exp(-x)), within 4 ulps.", (_F32,), _same(), lambda x, a, t: activations.sigmoid(x[0]),
       exact=False, ulps=4),
    Op("max_pool2d", "Maximum over windows; padding never wins. On bits, channels whose flip is -1 take the minimum.",
       (_types("u8", "i32", "f32", "bits"),), _pool_type,
       lambda x, a, t: pooling.max_pool2d(x[0], *_pool(a), flip=t.get("flip")), _WINDOW,
       {"flip": TensorSpec("bits", _channels, optional=True, doc="(C,), only with a bits input")}),
    Op("avg_pool2d", "Mean over windows, additions in (kh, kw) order, one division.", (_F32,), _pool_type,
       lambda x, a, t: pooling.avg_pool2d(x[0], *_pool(a), count_include_pad=a["count_include_pad"]),
       {**_WINDOW, "count_include_pad": Attr("bool", True, doc="divide by kH*kW also at borders")}),
    Op("global_avg_pool2d", "Mean over H and W, additions in (h, w) order, one division.", (_F32,),
       lambda i, a: TensorType("f32", (1, 1, i[0].shape[2])), lambda x, a, t: pooling.global_avg_pool2d(x[0])),
    Op("concat", "Two values of one element type, one behind the other along channels.", (_ANY, _ANY), _concat_type,
       lambda x, a, t: np.concatenate(x, axis=3)),
    Op("pick_channels", "Channels begin .. begin + out_channels, groups of them read in turns.",
       (_ANY,), _picked_type, lambda x, a, t: channels.pick_channels(x[0], a["begin"], a["out_channels"], a["groups"]),
       {"begin": Attr("int", 0, doc="the first channel"), "out_channels": _OUT_CHANNELS,
        "groups": Attr("int", 1, **_POSITIVE, doc="out_channels is a multiple of it")}),
    Op("flatten", "(H, W, C) to (1, 1, H*W*C), channels innermost.", (_types("u8", "i32", "f32", "bits"),), _flat_type,
       _run_flatten),
)  # fmt: skip

OPS: dict[str, Op] = {row.name: row for row in _ROWS}
