"""ONNX Runtime on whole float nets: fp32, and int8 in the QDQ form its quantizer writes, fused into integer kernels.

int8: unsigned activations over the range each takes on the case's picture, signed weights with a scale per channel in
seven bits, as its own documentation advises for AVX2 (``reduce_range``: pairs of products saturate otherwise).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..case import Case
from ..nets import IMAGE, Layer
from .chain import Arithmetic
from .contract import Array
from .net_layers import ModelRunner, activation_levels, nchw_layers

WEIGHT_MAX = 63
QUANTIZED = ("conv", "dense", "add")


class NetRunner(ModelRunner):
    """(1, 3, H, W) float32 in, (1, 1000) out."""

    where = "ONNX Runtime"

    def __init__(self, case: Case, threads: int, arithmetic: Arithmetic) -> None:
        from .onnxruntime_ import OrtModel

        x = np.ascontiguousarray(case.picture.transpose(0, 3, 1, 2))
        super().__init__(OrtModel(_Writer(case, arithmetic).model(x), x, threads), arithmetic)


class _Writer:
    """Writes the float form, one node a layer, with quantize-dequantize pairs around ``QUANTIZED`` layers for int8."""

    def __init__(self, case: Case, arithmetic: Arithmetic) -> None:
        from .onnxruntime_ import Graph

        self._case, self._int8, self._graph = case, arithmetic == "int8", Graph()
        self._levels: dict[str, str] = {}

    def model(self, x: Array) -> bytes:
        """The serialized model from ``x`` to ``y``."""
        last = self._case.net.float[-1].name
        values = {IMAGE: "x"}
        for layer, tensors in nchw_layers(self._case, "float"):
            inputs = [values[name] for name in layer.inputs]
            if self._int8 and layer.op in QUANTIZED:
                inputs = [self._quantized(v, n) for v, n in zip(inputs, layer.inputs, strict=True)]
            values[layer.name] = "y" if layer.name == last else layer.name
            self._layer(layer, inputs, values[layer.name], tensors)
        return self._graph.model(x, (1, self._case.net.float[-1].channels))

    def _layer(self, layer: Layer, inputs: list[str], output: str, tensors: dict[str, Array]) -> None:
        add, window = self._graph.add, {"kernel_shape": [layer.kernel] * 2, "strides": [layer.stride] * 2,
                                        "pads": [layer.padding] * 4}  # fmt: skip
        if layer.op in ("conv", "dense"):
            weights = [self._weight(layer.name, tensors["weight"]), self._bias(layer, tensors)]
            if layer.op == "conv":
                add("Conv", [*inputs, *weights], output, **window)
            else:
                add("Gemm", [*inputs, *weights], output, transB=1)
        elif layer.op == "max_pool":
            add("MaxPool", inputs, output, **window)
        elif layer.op == "global_avg_pool":
            add("GlobalAveragePool", inputs, f"{layer.name}_4d")
            add("Flatten", [f"{layer.name}_4d"], output)
        else:
            add({"relu": "Relu", "add": "Add", "flatten": "Flatten"}[layer.op], inputs, output)

    def _quantized(self, value: str, name: str) -> str:
        if name not in self._levels:
            scale, zero = activation_levels(self._case, name)
            ends = [self._graph.constant(f"{name}_scale", np.array(scale, np.float32)),
                    self._graph.constant(f"{name}_zero", np.array(zero, np.uint8))]  # fmt: skip
            self._graph.add("QuantizeLinear", [value, *ends], f"{name}_u8")
            self._graph.add("DequantizeLinear", [f"{name}_u8", *ends], f"{name}_levels")
            self._levels[name] = f"{name}_levels"
        return self._levels[name]

    def _weight(self, name: str, weight: Array) -> str:
        if not self._int8:
            return self._graph.constant(f"{name}_w", weight)
        scale = weight_scales(weight)
        levels = np.rint(weight / scale.reshape(-1, *[1] * (weight.ndim - 1))).astype(np.int8)
        parts = [self._graph.constant(f"{name}_w", levels), self._graph.constant(f"{name}_w_scale", scale),
                 self._graph.constant(f"{name}_w_zero", np.zeros(len(scale), np.int8))]  # fmt: skip
        self._graph.add("DequantizeLinear", parts, f"{name}_w_levels", axis=0)
        return f"{name}_w_levels"

    def _bias(self, layer: Layer, tensors: dict[str, Array]) -> str:
        if not self._int8:
            return self._graph.constant(f"{layer.name}_b", tensors["bias"])
        scale = weight_scales(tensors["weight"]) * np.float32(activation_levels(self._case, layer.inputs[0])[0])
        levels = np.rint(tensors["bias"] / scale).astype(np.int32)
        parts = [self._graph.constant(f"{layer.name}_b", levels), self._graph.constant(f"{layer.name}_b_scale", scale),
                 self._graph.constant(f"{layer.name}_b_zero", np.zeros(len(scale), np.int32))]  # fmt: skip
        self._graph.add("DequantizeLinear", parts, f"{layer.name}_b_levels", axis=0)
        return f"{layer.name}_b_levels"


def weight_scales(weight: Array) -> Any:
    """float32 (O,): the largest weight of each output channel is level ``WEIGHT_MAX``."""
    return (np.abs(weight).max(axis=tuple(range(1, weight.ndim))) / WEIGHT_MAX).astype(np.float32)
