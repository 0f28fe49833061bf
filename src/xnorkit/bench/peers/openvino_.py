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
    """A compiled model, its request and its input: (N, C, H, W), a matrix (N, C), or rows as pixels (1, C, 1, N)."""

    def __init__(self, result: Any, parameter: Any, x: Array, threads: int, rows: int) -> None:
        import openvino as ov

        options = {"INFERENCE_NUM_THREADS": threads, "NUM_STREAMS": 1, "INFERENCE_PRECISION_HINT": "f32"}
        model = ov.Model([result], [parameter], "layers")
        self._x, self._rows = x, rows  # the request reads x where it lies
        self._compiled = ov.Core().compile_model(model, "CPU", options)
        self._request = self._compiled.create_infer_request()
        self._request.set_input_tensor(ov.Tensor(x))

    def run(self) -> None:
        self._request.infer()

    def output(self) -> Array:
        found: Array = self._request.get_output_tensor().data
        if found.ndim == 2:
            return found.reshape(self._rows, 1, 1, -1).copy()
        pixels = found.transpose(0, 2, 3, 1).copy()
        return pixels if len(pixels) == self._rows else pixels.reshape(self._rows, 1, 1, -1)


class OpenVinoRunner(ChainRunner):
    """NCHW float32 at the ends; what lies between is the plugin's choice.

    Dense layers: a matrix product in fp32; else a 1x1 convolution of a picture whose pixels are the rows, for the
    plugin has no binary matrix product and its int8 one is no faster than fp32 on CPUs without VNNI.
    """

    def __init__(self, case: Case, threads: int, arithmetic: Arithmetic) -> None:
        self.arithmetic = arithmetic
        super().__init__(case, threads)

    def build(self, layers: Sequence[Layer]) -> Model:
        from openvino import opset1 as op

        values = self.case.x_u8 if self.arithmetic == "int8" else self.case.x
        x = np.ascontiguousarray(values.transpose(0, 3, 1, 2), np.float32)
        if self.case.work.kind == "dense":
            rows = x.reshape(x.shape[:2])
            x = rows if self.arithmetic == "fp32" else np.ascontiguousarray(rows.T)[None, :, None, :]
        parameter = op.parameter(list(x.shape), np.float32, name="x")
        result = {"binary": _binary, "int8": _int8, "fp32": _fp32}[self.arithmetic](parameter, layers)
        return CompiledModel(result, parameter, x, self.threads, self.case.work.batch)


def _binary(value: Any, layers: Sequence[Layer]) -> Any:
    """Sign, then layer, threshold, layer, ... The last layer's sums leave as they are."""
    channels = layers[0].work.channels
    threshold: Array = np.zeros(channels)
    flip: Array = np.ones(channels)
    for layer in layers:
        value = _binary_convolution(_step(value, threshold, flip), layer)
        threshold, flip = layer.threshold - 0.5, layer.flip
    return value


def _int8(value: Any, layers: Sequence[Layer]) -> Any:
    """Bytes 0..255 on both sides of every layer, by FakeQuantize of 256 levels."""
    from openvino import opset1 as op

    bytes_in = _range(0, 255)
    value = op.fake_quantize(value, *bytes_in, *bytes_in, 256)
    for layer in layers:
        value = _convolution(value, _weight(layer.weight.transpose(0, 3, 1, 2), "int8"), layer)
        value = op.fake_quantize(value, *_range(0, 255 * 2.0**layer.shift), *bytes_in, 256)
    return value


def _fp32(value: Any, layers: Sequence[Layer]) -> Any:
    from openvino import opset1 as op

    for layer in layers:
        if layer.work.kind == "dense":
            value = op.matmul(value, _weight(layer.weight.reshape(len(layer.weight), -1), "fp32"), False, True)
        else:
            value = _convolution(value, _weight(layer.weight.transpose(0, 3, 1, 2), "fp32"), layer)
    return value


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


def _convolution(value: Any, weight: Any, layer: Layer) -> Any:
    from openvino import opset1 as op

    pad = [layer.work.padding] * 2
    return op.convolution(value, weight, [layer.work.stride] * 2, pad, pad, [1, 1])


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
