"""Writes TFLite models (a FlatBuffer of tensors, buffers and operators) with the generated classes of a runtime's own
schema: what LiteRT is given to run.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .contract import Array

IDENTIFIER = b"TFL3"
VERSION = 3


class TfliteModel:
    """One subgraph under construction; tensors are named by their index."""

    def __init__(self, schema: Any) -> None:
        self._s = schema
        self._tensors: list[Any] = []
        self._operators: list[Any] = []
        self._codes: dict[int, int] = {}
        self._code_rows: list[Any] = []
        self._buffers = [schema.BufferT()]  # buffer 0 is the empty one

    def tensor(self, shape: Sequence[int], dtype: type, values: Array | None = None, scale: float = 0.0) -> int:
        """A value, or a constant where ``values`` are given. scale: of an int8 tensor of zero point 0."""
        s, tensor = self._s, self._s.TensorT()
        kinds: dict[type, Any] = {
            np.float32: s.TensorType.FLOAT32,
            np.int8: s.TensorType.INT8,
            np.int32: s.TensorType.INT32,
        }
        tensor.shape, tensor.type, tensor.name = list(shape), kinds[dtype], f"t{len(self._tensors)}"
        tensor.buffer = 0
        if values is not None:
            buffer = s.BufferT()
            buffer.data = np.frombuffer(np.ascontiguousarray(values, dtype).tobytes(), np.uint8)
            tensor.buffer = len(self._buffers)
            self._buffers.append(buffer)
        if scale:
            tensor.quantization = s.QuantizationParametersT()
            tensor.quantization.scale, tensor.quantization.zeroPoint = [scale], [0]
        self._tensors.append(tensor)
        return len(self._tensors) - 1

    def operator(self, code: int, inputs: Sequence[int], output: int, options: Any, version: int = 1) -> None:
        """A builtin operator; the kind of ``options`` is its class's name."""
        if code not in self._codes:
            row = self._s.OperatorCodeT()
            row.builtinCode, row.deprecatedBuiltinCode, row.version = code, code, version
            self._codes[code] = len(self._code_rows)
            self._code_rows.append(row)
        operator = self._s.OperatorT()
        operator.opcodeIndex = self._codes[code]
        operator.inputs, operator.outputs = list(inputs), [output]
        operator.builtinOptions = options
        operator.builtinOptionsType = getattr(self._s.BuiltinOptions, type(options).__name__.removesuffix("T"))
        self._operators.append(operator)

    def serialize(self, source: int, target: int) -> bytes:
        """The file from input tensor ``source`` to output tensor ``target``."""
        import flatbuffers

        graph, model = self._s.SubGraphT(), self._s.ModelT()
        graph.tensors, graph.operators, graph.inputs, graph.outputs = self._tensors, self._operators, [source], [target]
        model.version, model.operatorCodes, model.subgraphs = VERSION, self._code_rows, [graph]
        model.buffers = self._buffers
        builder = flatbuffers.Builder(1 << 20)
        builder.Finish(model.Pack(builder), file_identifier=IDENTIFIER)
        return bytes(builder.Output())
