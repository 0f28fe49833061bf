"""ncnn: fp32 (Winograd for 3x3) and int8 (bytes in, requantized bytes out; dense layers give floats).

A net is ncnn's param text and its weight file, written here. Source: ncnn's docs "param and model file structure";
``int8_scale_term`` above 100 adds the output's scale.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from ..case import Case
from ..works import Work
from .chain import Arithmetic, ChainRunner, Layer, Model, requantization_shift
from .contract import Array, Peer, Runner

INSTALL = 'pip install "xnorkit[peers]"'
MAGIC = 7767517
INT8_TAG = b"\x38\x4b\x0d\x00"
FP32_TAG = bytes(4)
SCALES, REQUANTIZE = 1, 101


def _write(layers: Sequence[Layer], arithmetic: Arithmetic) -> tuple[str, bytes]:
    """Param text and weight bytes of the layers in a row, from blob ``b0`` to blob ``out``."""
    lines, weights = ["Input input 0 1 b0"], b""
    for number, layer in enumerate(layers):
        work, outputs = layer.work, len(layer.weight)
        top = "out" if number == len(layers) - 1 else f"b{number + 1}"
        flat = layer.weight.transpose(0, 3, 1, 2).reshape(-1)
        quantized = arithmetic == "int8"
        if work.kind == "dense":
            scales = SCALES if quantized else 0
            lines.append(f"InnerProduct layer{number} 1 1 b{number} {top} 0={outputs} 1=0 2={flat.size} 8={scales}")
        else:
            scales = REQUANTIZE if quantized else 0
            window = f"1={work.kernel} 3={work.stride} 4={work.padding} 5=0"
            lines.append(f"Convolution layer{number} 1 1 b{number} {top} 0={outputs} {window} 6={flat.size} 8={scales}")
        if quantized:
            floats = [*[1.0] * outputs, 1.0] + ([2.0**-layer.shift] if scales == REQUANTIZE else [])
            weights += INT8_TAG + flat.tobytes() + bytes(-flat.size % 4) + np.array(floats, np.float32).tobytes()
        else:
            weights += FP32_TAG + flat.astype(np.float32).tobytes()
    return "\n".join([str(MAGIC), f"{len(lines)} {len(lines)}", *lines, ""]), weights


class NcnnModel:
    """A net and its input: (C, H, W) of one image, or (N, C) of a dense layer, float32."""

    def __init__(self, text: str, weights: bytes, x: Array, threads: int) -> None:
        import ncnn

        self._net = ncnn.Net()
        options = self._net.opt
        options.num_threads, options.use_vulkan_compute = threads, False
        # half floats are another arithmetic
        options.use_fp16_storage = options.use_fp16_packed = options.use_fp16_arithmetic = options.use_bf16_storage = (
            False
        )
        with tempfile.TemporaryDirectory(prefix="xnorkit-bench-") as folder:
            (Path(folder) / "net.param").write_text(text)
            (Path(folder) / "net.bin").write_bytes(weights)
            self._net.load_param(str(Path(folder) / "net.param"))
            self._net.load_model(str(Path(folder) / "net.bin"))
        self._x = ncnn.Mat(x).clone()
        self._out: Any = None

    def run(self) -> None:
        extractor = self._net.create_extractor()
        extractor.input("b0", self._x)
        _, self._out = extractor.extract("out")

    def output(self) -> Array:
        found = np.array(self._out)
        return found.transpose(1, 2, 0)[None] if found.ndim == 3 else found.reshape(-1, 1, 1, found.shape[-1])


class NcnnRunner(ChainRunner):
    """One image, or one matrix."""

    int8_range = (-127, 127)

    def __init__(self, case: Case, threads: int, arithmetic: Arithmetic) -> None:
        self.arithmetic = arithmetic
        super().__init__(case, threads)

    def build(self, layers: Sequence[Layer]) -> Model:
        x = (self.case.x_u8 if self.arithmetic == "int8" else self.case.x).astype(np.float32)
        rows = self.case.work.kind == "dense"
        x = x.reshape(len(x), -1) if rows else np.ascontiguousarray(x[0].transpose(2, 0, 1))
        return NcnnModel(*_write(layers, self.arithmetic), x, self.threads)

    def answer(self) -> Array:
        """Dense layers give float sums; they are requantized here, for the comparison."""
        found = super().answer()
        if self.arithmetic == "int8" and self.case.work.kind == "dense":
            return np.clip(np.rint(found * 2.0 ** -requantization_shift(self.case)), *self.int8_range)
        return found


def _works(work: Work) -> bool:
    """A net of one image at a time, or a matrix."""
    return work.kind == "dense" or (work.kind == "conv" and work.batch == 1)


def _peer(system: str, arithmetic: Arithmetic) -> Peer:
    def prepare(case: Case, threads: int) -> Runner:
        return NcnnRunner(case, threads, arithmetic)

    return Peer(system, arithmetic, INSTALL, _works, prepare, lambda: version("ncnn"), module="ncnn")


PEERS = (_peer("ncnn int8", "int8"), _peer("ncnn fp32", "fp32"))
