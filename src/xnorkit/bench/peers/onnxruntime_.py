"""ONNX Runtime's CPU provider: fp32 (Conv, Gemm) and int8 (QLinearConv, QLinearMatMul: bytes in, bytes out).

Models are built node by node, so every scale is known and the integers can be checked. Activations are unsigned and
weights signed, the pair its AVX2 kernels are written for. All graph optimizations are on.
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
OPSET = 17
IR_VERSION = 9


class OrtModel:
    """A session with input and output bound once: (N, C, H, W), or (N, C) for dense."""

    def __init__(self, model: bytes, x: Array, threads: int) -> None:
        import onnxruntime as ort

        options = ort.SessionOptions()
        options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
        options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_ALL
        options.log_severity_level = 3
        self._session = ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        self._binding = self._session.io_binding()
        self._x = x
        self._binding.bind_cpu_input("x", x)
        self._binding.bind_output("y")

    def run(self) -> None:
        self._session.run_with_iobinding(self._binding)

    def output(self) -> Array:
        found: Array = self._binding.copy_outputs_to_cpu()[0]
        return found.reshape(*found.shape[:2], *(found.shape[2:] or (1, 1))).transpose(0, 2, 3, 1)


class Graph:
    """Nodes and constants of the model being written."""

    def __init__(self) -> None:
        self.nodes: list[Any] = []
        self.constants: list[Any] = []

    def constant(self, name: str, values: Array) -> str:
        from onnx import numpy_helper

        self.constants.append(
            numpy_helper.from_array(values if not values.ndim else np.ascontiguousarray(values), name)
        )
        return name

    def add(self, op: str, inputs: Sequence[str], output: str, **attributes: Any) -> None:
        from onnx import helper

        self.nodes.append(helper.make_node(op, list(inputs), [output], **attributes))

    def layer(self, layer: Layer, source: str, target: str, *, quantized: bool) -> None:
        """One layer from the value ``source`` to ``target``."""
        work, kind = layer.work, np.int8 if quantized else np.float32
        matrix = work.kind == "dense"
        weight = layer.weight.reshape(len(layer.weight), -1).T if matrix else layer.weight.transpose(0, 3, 1, 2)
        w = self.constant(f"{target}_w", weight.astype(kind))
        window = (
            {}
            if matrix
            else {"kernel_shape": [work.kernel] * 2, "strides": [work.stride] * 2, "pads": [work.padding] * 4}
        )
        if not quantized:
            self.add("MatMul" if matrix else "Conv", [source, w], target, **window)
            return
        scale, zero = (
            self.constant(f"{target}_s", np.array(1, np.float32)),
            self.constant(f"{target}_z", np.array(0, np.uint8)),
        )
        after = self.constant(f"{target}_t", np.array(2.0**layer.shift, np.float32))
        signed_zero = self.constant(f"{target}_n", np.array(0, np.int8))
        inputs = [source, scale, zero, w, scale, signed_zero, after, zero]
        self.add("QLinearMatMul" if matrix else "QLinearConv", inputs, target, **window)

    def model(self, x: Array, shape: Sequence[int]) -> bytes:
        """The serialized model from ``x`` to ``y``, one element type at both ends."""
        from onnx import TensorProto, helper

        kind = TensorProto.UINT8 if x.dtype == np.uint8 else TensorProto.FLOAT
        ends = [helper.make_tensor_value_info("x", kind, x.shape)], [helper.make_tensor_value_info("y", kind, shape)]
        graph = helper.make_graph(self.nodes, "layers", *ends, self.constants)
        opset = [helper.make_opsetid("", OPSET)]
        return bytes(helper.make_model(graph, opset_imports=opset, ir_version=IR_VERSION).SerializeToString())


class OrtRunner(ChainRunner):
    """NCHW at the ends; the optimizer re-lays what is between."""

    def __init__(self, case: Case, threads: int, arithmetic: Arithmetic) -> None:
        self.arithmetic = arithmetic
        super().__init__(case, threads)

    def build(self, layers: Sequence[Layer]) -> Model:
        case, graph, quantized = self.case, Graph(), self.arithmetic == "int8"
        x = np.ascontiguousarray((case.x_u8 if quantized else case.x.astype(np.float32)).transpose(0, 3, 1, 2))
        shape = (case.work.batch, len(layers[-1].weight), case.work.out_size, case.work.out_size)
        if case.work.kind == "dense":
            x, shape = x.reshape(x.shape[:2]), shape[:2]  # type: ignore[assignment]
        names = ["x", *(f"v{number}" for number in range(1, len(layers))), "y"]
        for layer, source, target in zip(layers, names, names[1:], strict=False):
            graph.layer(layer, source, target, quantized=quantized)
        return OrtModel(graph.model(x, shape), x, self.threads)


def _peer(system: str, arithmetic: Arithmetic) -> Peer:
    def prepare(case: Case, threads: int) -> Runner:
        return OrtRunner(case, threads, arithmetic)

    return Peer(
        system,
        arithmetic,
        INSTALL,
        lambda work: work.kind != "net",
        prepare,
        lambda: version("onnxruntime"),
        module="onnxruntime",
    )


PEERS = (_peer("ONNX Runtime int8", "int8"), _peer("ONNX Runtime fp32", "fp32"))
