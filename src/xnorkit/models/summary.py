"""Count what a network holds and does: parameters by width, bytes, multiply-adds by kind, layer by layer."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

import torch
from torch import Tensor, nn

from ..errors import RangeError
from ..nn.layers import BinaryConv2d, BinaryLinear, Int8Conv2d, Int8Linear

KINDS = ("binary", "int8", "float")
_WEIGHT_BITS = {"binary": 1, "int8": 8, "float": 32}


@dataclass(frozen=True)
class LayerSummary:
    """One layer. Sizes are for one image.

    output: (C, H, W) or (C,). params_1bit/8bit/32bit: trained numbers by the width they have when packed.
    other_floats: untrained float32 numbers that travel with them: scales per output channel, running means, buffers.
    macs: multiply-adds for one image; ``kind`` says of what.
    """

    name: str
    type: str
    kind: str
    output: tuple[int, ...]
    params_1bit: int = 0
    params_8bit: int = 0
    params_32bit: int = 0
    other_floats: int = 0
    macs: int = 0

    @property
    def params(self) -> int:
        """Trained numbers of any width."""
        return self.params_1bit + self.params_8bit + self.params_32bit

    @property
    def fp32_bytes(self) -> int:
        """Bytes of the trained numbers, all kept in float32."""
        return 4 * self.params

    @property
    def packed_bytes(self) -> int:
        """Bytes of all numbers at their width, bits rounded up to a byte (export folds norms: files hold less)."""
        return math.ceil(self.params_1bit / 8) + self.params_8bit + 4 * (self.params_32bit + self.other_floats)


@dataclass(frozen=True)
class Summary:
    """The layers in the order they run, and sums over them.

    >>> from xnorkit.models import create_model
    >>> total = summary(create_model("lenet5", method="xnor"), (1, 28, 28))
    >>> total.params_1bit, total.params_8bit, total.macs("binary"), total.macs("int8")
    (425000, 5500, 2000000, 293000)
    """

    layers: tuple[LayerSummary, ...]

    def total(self, column: str) -> int:
        """Sum of a numeric column or property of the layers."""
        return sum(getattr(layer, column) for layer in self.layers)

    def macs(self, kind: str | None = None) -> int:
        """Multiply-adds of one kind (``binary``, ``int8``, ``float``), or all."""
        if kind is not None and kind not in KINDS:
            raise RangeError("summary", "kind", got=kind, expected=KINDS)
        return sum(layer.macs for layer in self.layers if kind in (None, layer.kind))

    @property
    def params(self) -> int:
        """All trained numbers."""
        return self.total("params")

    @property
    def params_1bit(self) -> int:
        """Trained numbers that pack to one bit."""
        return self.total("params_1bit")

    @property
    def params_8bit(self) -> int:
        """Trained numbers that pack to a byte."""
        return self.total("params_8bit")

    @property
    def params_32bit(self) -> int:
        """Trained numbers that stay float32."""
        return self.total("params_32bit")

    @property
    def fp32_bytes(self) -> int:
        """Bytes with every trained number in float32."""
        return self.total("fp32_bytes")

    @property
    def packed_bytes(self) -> int:
        """Bytes with every number at its width."""
        return self.total("packed_bytes")

    def __str__(self) -> str:
        columns = [f.name for f in fields(LayerSummary)]
        rows = [columns] + [[_cell(getattr(layer, c)) for c in columns] for layer in self.layers]
        sums = {c: f"{self.total(c):,}" for c in columns[4:]}
        rows.append(["total", "", "", "", *sums.values()])
        widths = [max(len(row[i]) for row in rows) for i in range(len(columns))]
        sides = [str.ljust] * 4 + [str.rjust] * (len(columns) - 4)
        lines = ["  ".join(side(c, w) for side, c, w in zip(sides, row, widths, strict=True)) for row in rows]
        macs = ", ".join(f"{kind} {self.macs(kind):,}" for kind in KINDS)
        return "\n".join([*lines, f"multiply-adds: {macs}",
                          f"bytes: {self.packed_bytes:,} at their width, {self.fp32_bytes:,} in float32"])  # fmt: skip


def _cell(value: object) -> str:
    if isinstance(value, tuple):
        return "x".join(map(str, value))
    return f"{value:,}" if isinstance(value, int) else str(value)


def _kind(module: nn.Module) -> str:
    if isinstance(module, (BinaryConv2d, BinaryLinear)):
        return "binary"
    return "int8" if isinstance(module, (Int8Conv2d, Int8Linear)) else "float"


def _row(name: str, module: nn.Module, output: Tensor) -> LayerSummary:
    kind, shape, macs, weight, scales = _kind(module), tuple(output.shape[1:]), 0, 0, 0
    if isinstance(module, (nn.Conv2d, nn.Linear)):
        weight = module.weight.numel()
        positions = math.prod(shape[1:]) if isinstance(module, nn.Conv2d) else math.prod(shape[:-1])
        macs = weight * positions
        scales = 0 if kind == "float" else module.weight.shape[0]
    widths = {1: 0, 8: 0, 32: 0}
    widths[_WEIGHT_BITS[kind]] += weight
    widths[32] += sum(p.numel() for p in module.parameters(recurse=False)) - weight
    floats = scales + sum(b.numel() for b in module.buffers(recurse=False) if b.is_floating_point())
    return LayerSummary(name, type(module).__name__, kind, shape, widths[1], widths[8], widths[32], floats, macs)


@torch.no_grad()
def summary(model: nn.Module, input_size: tuple[int, ...]) -> Summary:
    """Run one blank image of ``input_size`` (C, H, W) through the model in eval mode and count its leaf modules.

    The model's mode is restored; convolutions and dense layers are counted, other modules have no multiply-adds.
    A module that is called twice has its parameters counted once. Functional calls are not seen.
    """
    rows: list[LayerSummary] = []
    seen: set[int] = set()

    def record(name: str, module: nn.Module, output: Tensor) -> None:
        row = _row(name, module, output)
        if id(module) in seen:
            row = LayerSummary(row.name, row.type, row.kind, row.output, macs=row.macs)
        seen.add(id(module))
        rows.append(row)

    leaves = [(name, m) for name, m in model.named_modules() if not any(m.children())]
    hooks = [m.register_forward_hook(lambda mod, args, out, name=name: record(name, mod, out)) for name, m in leaves]
    modes = {m: m.training for m in model.modules()}
    parameter = next(model.parameters(), torch.zeros(1))
    try:
        model.eval()(torch.zeros((1, *input_size), dtype=parameter.dtype, device=parameter.device))
    finally:
        for hook in hooks:
            hook.remove()
        for module, training in modes.items():
            module.training = training
    return Summary(tuple(rows))
