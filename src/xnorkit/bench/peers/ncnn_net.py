"""ncnn on whole float nets: fp32 and int8, ReLU fused into the layer before it, as its own optimizer does.

int8: weights with a scale per output channel, a scale per input from the range on the case's picture; a convolution
that only another convolution reads hands bytes on (``int8_scale_term`` above 100), as its quantizer does.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np

from ..case import Case
from ..nets import IMAGE, Layer
from .chain import Arithmetic
from .contract import Array
from .net_layers import ModelRunner, nchw_layers

INT8_MAX = 127
OPS = {"relu": "ReLU", "flatten": "Flatten", "add": "BinaryOp", "max_pool": "Pooling", "global_avg_pool": "Pooling"}


class NetRunner(ModelRunner):
    """(3, H, W) float32 in, 1000 floats out."""

    where = "ncnn"

    def __init__(self, case: Case, threads: int, arithmetic: Arithmetic) -> None:
        from .ncnn_ import NcnnModel

        x = np.ascontiguousarray(case.picture[0].transpose(2, 0, 1))
        super().__init__(NcnnModel(*_Writer(case, arithmetic).written(), x, threads), arithmetic)


class _Writer:
    """Writes param lines and weight bytes of the float form. A value with several readers is split, one copy each."""

    def __init__(self, case: Case, arithmetic: Arithmetic) -> None:
        self._case, self._int8 = case, arithmetic == "int8"
        self._net = case.net.float
        self._readers = Counter(name for layer in self._net for name in layer.inputs)
        self._lines: list[str] = []
        self._weights: list[bytes] = []
        self._blobs = 0
        self._free: dict[str, list[str]] = {}  # value -> blobs nobody reads yet

    def written(self) -> tuple[str, bytes]:
        """Param text, from blob ``b0`` to blob ``out``, and the weight file."""
        from .ncnn_ import MAGIC

        self._add("Input", "input", [], IMAGE, "", first="b0")
        skipped: dict[str, str] = {}
        for layer, tensors in nchw_layers(self._case, "float"):
            if layer.name in skipped:
                continue
            result = self._fused_relu(layer)
            if result != layer.name:
                skipped[result] = layer.name
            kind, params = self._params(layer, result, tensors)
            self._add(kind, layer.name, [self._free[name].pop() for name in layer.inputs], result, params)
        count = len(self._lines)
        return "\n".join([str(MAGIC), f"{count} {self._blobs}", *self._lines, ""]), b"".join(self._weights)

    def _fused_relu(self, layer: Layer) -> str:
        """The value the layer gives: its ReLU's where only that reads it."""
        readers = [other for other in self._net if layer.name in other.inputs]
        fuses = layer.op in ("conv", "dense") and len(readers) == 1 and readers[0].op == "relu"
        return readers[0].name if fuses else layer.name

    def _add(self, kind: str, name: str, inputs: list[str], value: str, params: str, first: str = "") -> None:
        top = first or ("out" if value == self._net[-1].name else f"b{self._blobs}")
        self._lines.append(f"{kind} {name} {len(inputs)} 1 {' '.join([*inputs, top])} {params}")
        self._blobs += 1
        self._free[value] = [top]
        count = self._readers[value]
        if count > 1:
            copies = [f"{top}_{i}" for i in range(count)]
            self._lines.append(f"Split {name}_split 1 {count} {top} {' '.join(copies)}")
            self._blobs += count
            self._free[value] = copies

    def _params(self, layer: Layer, result: str, tensors: dict[str, Array]) -> tuple[str, str]:
        window = f"1={layer.kernel} 2={layer.stride} 3={layer.padding}"
        if layer.op not in ("conv", "dense"):
            params = {"max_pool": f"0=0 {window} 5=1", "global_avg_pool": "0=1 4=1", "add": "0=0"}
            return OPS[layer.op], params.get(layer.op, "")
        term = self._write_weights(layer, result, tensors)
        size, relu = tensors["weight"].size, int(result != layer.name)
        if layer.op == "dense":
            return "InnerProduct", f"0={layer.channels} 1=1 2={size} 8={term} 9={relu}"
        window = f"1={layer.kernel} 3={layer.stride} 4={layer.padding}"
        return "Convolution", f"0={layer.channels} {window} 5=1 6={size} 8={term} 9={relu}"

    def _write_weights(self, layer: Layer, result: str, tensors: dict[str, Array]) -> int:
        """Appends the layer's bytes; returns its ``int8_scale_term``."""
        from .ncnn_ import FP32_TAG, INT8_TAG, REQUANTIZE, SCALES

        weight, bias = tensors["weight"].reshape(layer.channels, -1), tensors["bias"].tobytes()
        if not self._int8:
            self._weights += [FP32_TAG, weight.tobytes(), bias]
            return 0
        scales = (INT8_MAX / np.abs(weight).max(axis=1)).astype(np.float32)
        levels = np.rint(weight * scales[:, None]).astype(np.int8)
        readers = [other for other in self._net if result in other.inputs]
        chained = layer.op == "conv" and len(readers) == 1 and readers[0].op == "conv"
        ends = [self._scale(layer.inputs[0])] + ([self._scale(result)] if chained else [])
        padding = bytes(-levels.size % 4)
        self._weights += [INT8_TAG, levels.tobytes(), padding, bias, scales.tobytes(),
                          np.array(ends, np.float32).tobytes()]  # fmt: skip
        return REQUANTIZE if chained else SCALES

    def _scale(self, name: str) -> Any:
        values = self._case.picture if name == IMAGE else self._case.float_values[name]
        return INT8_MAX / np.abs(values).max()
