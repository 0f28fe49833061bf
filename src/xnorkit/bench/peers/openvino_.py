"""OpenVINO's CPU plugin: fp32, int8 (FakeQuantize models) and BinaryConvolution (opset1, xnor-popcount).

Its binary kernel is reached when both neighbours of the convolution are FakeQuantize operations of two levels whose
outputs are 0 and 1: the plugin then fuses the threshold (batch norm and sign) into the convolution and hands packed
bits from layer to layer. Sources: intel_cpu/src/nodes/bin_conv.cpp and fake_quantize.cpp.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import version
from typing import Any

import numpy as np

from ..case import Case
from .chain import Arithmetic, ChainRunner, Layer, Model
from .contract import Array, Peer, Runner

INSTALL = 'pip install "xnorkit[peers]"'


class CompiledModel:
    """A compiled model, its request and its input (N, C, H, W) float32."""

    def __init__(self, result: Any, parameter: Any, x: Array, threads: int) -> None:
        import openvino as ov

        options = {"INFERENCE_NUM_THREADS": threads, "NUM_STREAMS": 1, "INFERENCE_PRECISION_HINT": "f32"}
        model = ov.Model([result], [parameter], "layers")
        self._x = x  # the request reads it where it lies
        self._compiled = ov.Core().compile_model(model, "CPU", options)
        self._request = self._compiled.create_infer_request()
        self._request.set_input_tensor(ov.Tensor(x))

    def run(self) -> None:
        self._request.infer()

    def output(self) -> Array:
        found: Array = self._request.get_output_tensor().data
        return found.reshape(*found.shape[:2], *(found.shape[2:] or (1, 1))).transpose(0, 2, 3, 1).copy()


class OpenVinoRunner(ChainRunner):
    """NCHW float32 at the ends; what lies between is the plugin's choice."""

    def __init__(self, case: Case, threads: int, arithmetic: Arithmetic) -> None:
        self.arithmetic = arithmetic
        super().__init__(case, threads)

    def build(self, layers: Sequence[Layer]) -> Model:
        from openvino import opset1 as op

        values = self.case.x_u8 if self.arithmetic == "int8" else self.case.x
        x = np.ascontiguousarray(values.transpose(0, 3, 1, 2), np.float32)
        matrix = self.case.work.kind == "dense" and self.arithmetic != "binary"
        x = x.reshape(x.shape[:2]) if matrix else x
        value = parameter = op.parameter(list(x.shape), np.float32, name="x")
        if self.arithmetic == "binary":
            value = _step(value, np.zeros(x.shape[1]), np.ones(x.shape[1]))
            for number, layer in enumerate(layers):
                if number:
                    value = _step(value, layers[number - 1].threshold - 0.5, layers[number - 1].flip)
                value = _binary_convolution(value, layer)
        else:
            value = (
                op.fake_quantize(value, *_range(0, 255), *_range(0, 255), 256) if self.arithmetic == "int8" else value
            )
            for layer in layers:
                value = (
                    _matrix(value, layer, self.arithmetic) if matrix else _convolution(value, layer, self.arithmetic)
                )
                if self.arithmetic == "int8":
                    value = op.fake_quantize(value, *_range(0, 255 * 2.0**layer.shift), *_range(0, 255), 256)
        return CompiledModel(value, parameter, x, self.threads)


def _range(low: float, high: float) -> tuple[Array, Array]:
    return np.array(low, np.float32), np.array(high, np.float32)


def _step(value: Any, threshold: Array, flip: Array) -> Any:
    """1 where ``value > threshold``, else 0; the other way round where ``flip`` is -1. Bit 1 means +1."""
    from openvino import opset1 as op

    at = np.asarray(threshold, np.float32).reshape(1, -1, 1, 1)
    high = (np.asarray(flip).reshape(at.shape) > 0).astype(np.float32)
    return op.fake_quantize(value, at, at, 1 - high, high, 2)


def _binary_convolution(value: Any, layer: Layer) -> Any:
    """Zero padding, as PyTorch's: the plugin leaves padded taps out."""
    import openvino as ov
    from openvino import opset1 as op

    weight = layer.weight.transpose(0, 3, 1, 2)
    packed = np.packbits((weight > 0).reshape(-1), bitorder="little")
    filters = ov.op.Constant(ov.Tensor(packed, list(weight.shape), ov.Type.u1), shared_memory=False)
    pad = [layer.work.padding] * 2
    return op.binary_convolution(value, filters, [layer.work.stride] * 2, pad, pad, [1, 1], "xnor-popcount", 0.0)


def _weight(array: Array, arithmetic: Arithmetic) -> Any:
    from openvino import opset1 as op

    constant = op.constant(np.ascontiguousarray(array, np.float32))
    if arithmetic == "fp32":
        return constant
    return op.fake_quantize(constant, *_range(-127, 127), *_range(-127, 127), 255)


def _convolution(value: Any, layer: Layer, arithmetic: Arithmetic) -> Any:
    from openvino import opset1 as op

    pad = [layer.work.padding] * 2
    weight = _weight(layer.weight.transpose(0, 3, 1, 2), arithmetic)
    return op.convolution(value, weight, [layer.work.stride] * 2, pad, pad, [1, 1])


def _matrix(value: Any, layer: Layer, arithmetic: Arithmetic) -> Any:
    from openvino import opset1 as op

    return op.matmul(value, _weight(layer.weight.reshape(len(layer.weight), -1), arithmetic), False, True)


def _peer(system: str, arithmetic: Arithmetic) -> Peer:
    def prepare(case: Case, threads: int) -> Runner:
        return OpenVinoRunner(case, threads, arithmetic)

    return Peer(
        system,
        arithmetic,
        INSTALL,
        lambda work: work.kind != "net",
        prepare,
        lambda: version("openvino"),
        module="openvino",
    )


PEERS = (
    _peer("OpenVINO BinaryConvolution", "binary"),
    _peer("OpenVINO int8", "int8"),
    _peer("OpenVINO fp32", "fp32"),
)
