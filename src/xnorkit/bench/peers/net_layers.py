"""What the whole-net runners share: layers with tensors in PyTorch's order, and the comparisons of answers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

import numpy as np

from ...errors import BenchError
from ..case import Case
from ..nets import IMAGE, Form, Layer, Shape
from ..parameters import parameters
from .chain import Arithmetic, Model
from .contract import Array, Runner, require_close

BINARY_SHARE = 1e-5
"""All signs are the same in every system (``parameters.py``); only the sums behind the last one round differently."""
INT8_ERROR = 0.15
"""Largest relative L2 error of a quantized net's answer: eight bits round, and keep no single value exactly."""


def nchw_layers(case: Case, form: Form) -> Iterator[tuple[Layer, dict[str, Array]]]:
    """Every layer with its tensors: weights ``(O, C, kH, kW)``, dense ones ``(O, C)`` for rows flattened as C, H, W."""
    net = case.net
    shapes = net.shapes(form, case.work.size)
    sources = {layer.name: layer.inputs[0] for layer in net.layers(form) if layer.op == "flatten"}
    for layer in net.layers(form):
        tensors = parameters(net, form, layer, shapes, case.seed)
        if layer.op == "conv":
            tensors["weight"] = np.ascontiguousarray(tensors["weight"].transpose(0, 3, 1, 2))
        elif layer.op == "dense" and layer.inputs[0] in sources:
            tensors["weight"] = _columns(tensors["weight"], shapes[sources[layer.inputs[0]]])
        yield layer, tensors


def activation_levels(case: Case, name: str) -> tuple[float, int]:
    """(scale, zero point) of 256 levels over the range a layer's output takes on the case's picture, 0 among them."""
    values = case.picture if name == IMAGE else case.float_values[name]
    low, high = min(0.0, float(values.min())), float(values.max())
    scale = (high - low) / 255
    return scale, round(-low / scale)


def _columns(weight: Array, shape: Shape) -> Array:
    """``(O, H*W*C)`` to ``(O, C*H*W)``."""
    return np.ascontiguousarray(weight.reshape(len(weight), *shape).transpose(0, 3, 1, 2).reshape(len(weight), -1))


class ModelRunner(Runner):
    """A compiled model of another system, on the case's picture; ``where`` names the system in errors."""

    where: ClassVar[str]

    def __init__(self, model: Model, arithmetic: Arithmetic) -> None:
        self._model, self._check = model, CHECKS[arithmetic]

    def run(self) -> None:
        self._model.run()

    def answer(self) -> Array:
        return self._model.output().reshape(1, 1, 1, -1)

    def check(self, case: Case) -> None:
        self.run()
        self._check(self.where, self.answer(), case)


def require_binary(where: str, got: Array, case: Case) -> None:
    """Raise BenchError unless the answer is the binary net's."""
    require_close(where, got.reshape(case.binary_answer.shape), case.binary_answer, BINARY_SHARE)


def require_fp32(where: str, got: Array, case: Case) -> None:
    """Raise BenchError unless the answer is the float net's, up to rounding (Winograd included)."""
    require_close(where, got.reshape(case.float_answer.shape), case.float_answer)


def require_int8(where: str, got: Array, case: Case) -> None:
    """Raise BenchError unless the answer is near the float net's."""
    expected = case.float_answer
    error = float(np.linalg.norm(got.reshape(expected.shape) - expected) / np.linalg.norm(expected))
    if not error <= INT8_ERROR:
        raise BenchError(where, "relative L2 error", got=f"{error:.3g}", expected=f"at most {INT8_ERROR}")


CHECKS = {"binary": require_binary, "fp32": require_fp32, "int8": require_int8}
"""Arithmetic -> what its answers must pass."""
