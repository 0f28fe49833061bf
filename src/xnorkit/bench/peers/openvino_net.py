"""OpenVINO on whole nets: the float form in fp32 and int8 (FakeQuantize), the binary form on BinaryConvolution.

int8: activations of every convolution and dense layer in 256 levels over the range they take on the case's picture,
weights in 255 levels per output channel, as the project's own quantizers write models. Binary: as ``openvino_``.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from ..case import Case
from ..nets import IMAGE, Layer
from .chain import Arithmetic
from .contract import Array
from .net_layers import ModelRunner, activation_levels, nchw_layers


class NetRunner(ModelRunner):
    """(1, 3, H, W) float32 in, (1, 1000) out."""

    where = "OpenVINO"

    def __init__(self, case: Case, threads: int, arithmetic: Arithmetic) -> None:
        from .openvino_ import CompiledModel

        x = np.ascontiguousarray(case.picture.transpose(0, 3, 1, 2))
        ends = _binary(case, x) if arithmetic == "binary" else _float(case, x, arithmetic)
        super().__init__(CompiledModel(*ends, x, threads, rows=1), arithmetic)


def _float(case: Case, x: Array, arithmetic: Arithmetic) -> tuple[Any, Any]:
    from openvino import opset8 as op

    parameter = op.parameter(list(x.shape), np.float32, name=IMAGE)
    values: dict[str, Any] = {IMAGE: parameter}
    for layer, tensors in nchw_layers(case, "float"):
        inputs = [values[name] for name in layer.inputs]
        if arithmetic == "int8" and layer.op in ("conv", "dense", "add"):
            inputs = [_activation(v, case, n) for v, n in zip(inputs, layer.inputs, strict=True)]
        weight = None
        if "weight" in tensors and arithmetic == "int8":
            layer, tensors["weight"] = _as_convolution(layer, tensors["weight"])
            weight = _weight_levels(op.constant(tensors["weight"]), tensors["weight"])
        elif "weight" in tensors:
            weight = op.constant(tensors["weight"])
        values[layer.name] = node(layer, inputs, weight, tensors)
    return values[layer.name], parameter


def _as_convolution(layer: Layer, weight: Array) -> tuple[Layer, Array]:
    """A dense layer as a 1x1 convolution of one pixel, others as they are: int8 dense layers are no faster than fp32 on
    CPUs without VNNI."""
    if layer.op == "conv":
        return layer, weight
    return replace(layer, op="conv"), weight.reshape(*weight.shape, 1, 1)


def _activation(value: Any, case: Case, name: str) -> Any:
    """That value in 256 levels."""
    from openvino import opset8 as op

    scale, zero = activation_levels(case, name)
    ends = np.float32(-zero * scale), np.float32((255 - zero) * scale)
    return op.fake_quantize(value, *ends, *ends, 256)


def _weight_levels(constant: Any, weight: Array) -> Any:
    from openvino import opset8 as op

    axes = tuple(range(1, weight.ndim))
    high = np.abs(weight).max(axes, keepdims=True).astype(np.float32)
    return op.fake_quantize(constant, -high, high, -high, high, 255)


def _binary(case: Case, x: Array) -> tuple[Any, Any]:
    from openvino import opset8 as op

    parameter = op.parameter(list(x.shape), np.float32, name=IMAGE)
    values: dict[str, Any] = {IMAGE: parameter}
    norms: dict[str, tuple[Any, dict[str, Array]]] = {}
    for layer, tensors in nchw_layers(case, "binary"):
        inputs = [values[name] for name in layer.inputs]
        if layer.op == "sign":
            values[layer.name] = _sign(*norms.get(layer.inputs[0], (inputs[0], {})))
        elif layer.op == "norm":
            norms[layer.name] = inputs[0], tensors
            scaled = op.multiply(inputs[0], op.constant(_channels(tensors["scale"])))
            values[layer.name] = op.add(scaled, op.constant(_channels(tensors["bias"])))
        elif layer.binary:
            values[layer.name] = _binary_product(layer, inputs[0], tensors["weight"])
        else:
            weight = op.constant(tensors["weight"]) if "weight" in tensors else None
            values[layer.name] = node(layer, inputs, weight, tensors)
    return values[layer.name], parameter


def _channels(vector: Array) -> Array:
    return vector.reshape(1, -1, 1, 1)


def _sign(value: Any, norm: dict[str, Array]) -> Any:
    """1 where the value, of integers scaled and shifted by ``norm`` if given, is at least 0, else 0.

    FakeQuantize compares with >, so the edge lies just below 0, or half an integer off the root.
    """
    from openvino import opset8 as op

    if not norm:
        edge = np.float32(-(2.0**-40))
        return op.fake_quantize(value, edge, edge, np.float32(0), np.float32(1), 2)
    root, rising = -norm["bias"] / norm["scale"], norm["scale"] > 0
    edges = _channels(np.where(rising, np.ceil(root) - 0.5, np.floor(root) + 0.5).astype(np.float32))
    high = _channels(rising.astype(np.float32))
    return op.fake_quantize(value, edges, edges, 1 - high, high, 2)


def _binary_product(layer: Layer, value: Any, weight: Array) -> Any:
    """Zero padding, as the plugin leaves padded taps out. A dense layer is a 1x1 convolution of one pixel."""
    import openvino as ov
    from openvino import opset1

    weight = weight.reshape(*weight.shape[:2], 1, 1) if layer.op == "dense" else weight
    packed = np.packbits((weight > 0).reshape(-1), bitorder="little")
    filters = ov.op.Constant(ov.Tensor(packed, list(weight.shape), ov.Type.u1), shared_memory=False)
    pad = [layer.padding] * 2
    return opset1.binary_convolution(value, filters, [layer.stride] * 2, pad, pad, [1, 1], "xnor-popcount", 0.0)


def node(layer: Layer, inputs: list[Any], weight: Any, tensors: dict[str, Array]) -> Any:
    """The float operation of a layer."""
    from openvino import opset8 as op

    first = inputs[0]
    pad, window = [layer.padding] * 2, [layer.kernel] * 2
    if layer.op == "conv":
        found = op.convolution(first, weight, [layer.stride] * 2, pad, pad, [1, 1])
        return op.add(found, op.constant(tensors["bias"].reshape(1, -1, 1, 1)))
    if layer.op == "dense":
        flat = op.reshape(first, np.array([1, -1]), False)
        return op.add(op.matmul(flat, weight, False, True), op.constant(tensors["bias"][None]))
    if layer.op == "max_pool":
        return op.max_pool(first, [layer.stride] * 2, [1, 1], pad, pad, window).output(0)
    if layer.op == "avg_pool":
        return op.avg_pool(first, [layer.stride] * 2, pad, pad, window, False)
    if layer.op == "global_avg_pool":
        return op.reduce_mean(first, np.array([2, 3]), True)
    if layer.op == "flatten":
        return op.reshape(first, np.array([1, -1, 1, 1]), False)
    return op.relu(first) if layer.op == "relu" else op.add(*inputs)
