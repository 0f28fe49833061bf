"""LiteRT (TensorFlow Lite) with its XNNPACK delegate: fp32, and int8 with weights and activations of zero point 0."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import version
from typing import Any

import numpy as np

from ..case import Case
from ..works import Work
from .chain import Arithmetic, ChainRunner, Layer, Model
from .contract import Array, Peer, Runner
from .tflite import TfliteModel

INSTALL = 'pip install "xnorkit[peers]"'
CONV_VERSION, DENSE_VERSION = 3, 4
"""Of the operators: the first ones with int8."""


class LiteRtModel:
    """An interpreter whose input (N, H, W, C), or (N, C) for dense, is set once."""

    def __init__(self, content: bytes, x: Array, threads: int) -> None:
        from ai_edge_litert.interpreter import Interpreter

        self._interpreter = Interpreter(model_content=content, num_threads=threads)
        self._interpreter.allocate_tensors()
        self._interpreter.set_tensor(self._interpreter.get_input_details()[0]["index"], x)
        self._target: int = self._interpreter.get_output_details()[0]["index"]

    def run(self) -> None:
        self._interpreter.invoke()

    def output(self) -> Array:
        found: Array = self._interpreter.get_tensor(self._target)
        return found.reshape(len(found), *(found.shape[1:] if found.ndim == 4 else (1, 1, -1)))


class LiteRtRunner(ChainRunner):
    """NHWC throughout."""

    int8_range = (-128, 127)

    def __init__(self, case: Case, threads: int, arithmetic: Arithmetic) -> None:
        self.arithmetic = arithmetic
        super().__init__(case, threads)

    def build(self, layers: Sequence[Layer]) -> Model:
        from ai_edge_litert import schema_py_generated as schema

        case, model = self.case, TfliteModel(schema)
        quantized = self.arithmetic == "int8"
        dtype = np.int8 if quantized else np.float32
        x = (case.x_u8 if quantized else case.x).astype(dtype)
        x = x.reshape(len(x), -1) if case.work.kind == "dense" else x
        source = value = model.tensor(x.shape, dtype, scale=float(quantized))
        scale = 1.0
        for layer in layers:
            value, scale = _add(model, schema, layer, value, scale if quantized else 0.0)
        return LiteRtModel(model.serialize(source, value), x, self.threads)


def _add(model: TfliteModel, schema: Any, layer: Layer, source: int, scale: float) -> tuple[int, float]:
    """One layer from tensor ``source`` of ``scale``, 0 where float; its output and that one's scale."""
    s, work, outputs = schema, layer.work, len(layer.weight)
    dtype, target_scale = (np.int8, scale * 2.0**layer.shift) if scale else (np.float32, 0.0)
    weight = layer.weight.reshape(outputs, -1) if work.kind == "dense" else layer.weight
    w = model.tensor(weight.shape, dtype, weight, scale=float(scale > 0))
    bias = model.tensor((outputs,), np.int32 if scale else np.float32, np.zeros(outputs), scale=scale)
    if work.kind == "dense":
        target = model.tensor((work.batch, outputs), dtype, scale=target_scale)
        options = s.FullyConnectedOptionsT()
        model.operator(s.BuiltinOperator.FULLY_CONNECTED, (source, w, bias), target, options, version=DENSE_VERSION)
    else:
        target = model.tensor((work.batch, work.out_size, work.out_size, outputs), dtype, scale=target_scale)
        options = s.Conv2DOptionsT()
        options.padding, options.strideH, options.strideW = s.Padding.SAME, work.stride, work.stride
        options.dilationHFactor = options.dilationWFactor = 1
        model.operator(s.BuiltinOperator.CONV_2D, (source, w, bias), target, options, version=CONV_VERSION)
    return target, target_scale


def _works(work: Work) -> bool:
    """TFLite pads a strided picture on other sides than PyTorch."""
    return work.kind == "dense" or (work.kind == "conv" and work.stride == 1)


def _peer(system: str, arithmetic: Arithmetic) -> Peer:
    def prepare(case: Case, threads: int) -> Runner:
        return LiteRtRunner(case, threads, arithmetic)

    return Peer(
        system, arithmetic, INSTALL, _works, prepare, lambda: version("ai-edge-litert"), module="ai_edge_litert"
    )


PEERS = (_peer("LiteRT int8", "int8"), _peer("LiteRT fp32", "fp32"))
