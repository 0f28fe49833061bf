"""Count what a network holds and does: parameters by width, bytes, multiply-adds by kind, layer by layer; and why a
layer is not binary."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor, nn

from ..errors import RangeError
from ..nn.layers import BinaryConv2d, BinaryLinear, FewBitConv2d, FewBitLinear, Int8Conv2d, Int8Linear
from ..nn.layers.state import REAL_WEIGHT

KINDS = ("binary", "few-bit", "int8", "float")
"""One-bit weights and inputs; weights of up to 8 bits on codes or floats; int8 weights on pixels or signs; floats."""
_COLUMNS = ("name", "type", "kind", "output", "weights", "bits", "other params", "other floats", "bytes", "fp32 bytes",
            "bytes %", "MACs", "MACs %", "not binary because")  # fmt: skip
_WHY_INT8 = "int8 weights, for a first or last layer: exact integers"
_WHY_REAL = "its quantizer gives real numbers"
_WHY_FLOAT = "float32 weights: xnorkit.binarize, BinaryConv2d or BinaryLinear would make it one-bit"


@dataclass(frozen=True)
class LayerSummary:
    """One layer. Sizes are for one image.

    output: (C, H, W) or (C,). weights: numbers of the matrix or the filters, each of ``weight_bits`` when packed.
    params_32bit: further trained numbers, which stay float32: biases, gammas, thresholds, slopes.
    other_floats: untrained float32 numbers that travel with them: scales per output channel, running means, buffers.
    macs: multiply-adds for one image; ``kind`` says of what. why: why a layer with weights is not binary, else "".
    """

    name: str
    type: str
    kind: str
    output: tuple[int, ...]
    weights: int = 0
    weight_bits: int = 32
    params_32bit: int = 0
    other_floats: int = 0
    macs: int = 0
    why: str = ""

    @property
    def params(self) -> int:
        """Trained numbers of any width."""
        return self.weights + self.params_32bit

    @property
    def fp32_bytes(self) -> int:
        """Bytes of the trained numbers, all kept in float32."""
        return 4 * self.params

    @property
    def packed_bytes(self) -> int:
        """Bytes of all numbers at their width, bits rounded up to a byte (export folds norms: files hold less)."""
        return math.ceil(self.weights * self.weight_bits / 8) + 4 * (self.params_32bit + self.other_floats)


@dataclass(frozen=True)
class Summary:
    """The layers in the order they run, and sums over them.

    >>> from xnorkit.models import create_model
    >>> total = summary(create_model("lenet5", method="xnor"), (1, 28, 28))
    >>> total.params_by_width, total.macs("binary"), total.macs("int8")
    ({1: 425000, 8: 5500, 32: 1150}, 2000000, 293000)
    """

    layers: tuple[LayerSummary, ...]

    def total(self, column: str) -> int:
        """Sum of a numeric column or property of the layers."""
        return sum(getattr(layer, column) for layer in self.layers)

    def macs(self, kind: str | None = None) -> int:
        """Multiply-adds of one of KINDS, or all. Raises RangeError for another kind."""
        if kind is not None and kind not in KINDS:
            raise RangeError("summary", "kind", got=kind, expected=KINDS)
        return sum(layer.macs for layer in self.layers if kind in (None, layer.kind))

    @property
    def params(self) -> int:
        """All trained numbers."""
        return self.total("params")

    @property
    def params_by_width(self) -> dict[int, int]:
        """Bits of a packed number -> how many trained numbers have them, narrow first."""
        found = Counter({32: self.total("params_32bit")})
        for layer in self.layers:
            found[layer.weight_bits] += layer.weights
        return {bits: found[bits] for bits in sorted(found) if found[bits]}

    @property
    def fp32_bytes(self) -> int:
        """Bytes with every trained number in float32."""
        return self.total("fp32_bytes")

    @property
    def packed_bytes(self) -> int:
        """Bytes with every number at its width."""
        return self.total("packed_bytes")

    def to_dict(self) -> dict[str, Any]:
        """Rows and sums as plain data."""
        return {
            "layers": [asdict(layer) | {"packed_bytes": layer.packed_bytes} for layer in self.layers],
            "params_by_width": {str(bits): count for bits, count in self.params_by_width.items()},
            "macs": {kind: self.macs(kind) for kind in KINDS},
            "packed_bytes": self.packed_bytes,
            "fp32_bytes": self.fp32_bytes,
        }

    def __str__(self) -> str:
        """A table: a row a layer, the sums, multiply-adds by kind."""
        rows = [list(_COLUMNS), *(self._cells(layer) for layer in self.layers)]
        sums = (self.total(c) for c in ("weights", "params_32bit", "other_floats", "packed_bytes", "fp32_bytes"))
        weights, params, floats, packed, full = (f"{n:,}" for n in sums)
        rows.append(["total", "", "", "", weights, "", params, floats, packed, full, "", f"{self.macs():,}", "", ""])
        widths = [max(len(row[i]) for row in rows) for i in range(len(_COLUMNS))]
        sides = [str.ljust] * 4 + [str.rjust] * (len(_COLUMNS) - 5) + [str.ljust]
        lines = ["  ".join(side(c, w) for side, c, w in zip(sides, row, widths, strict=True)).rstrip() for row in rows]
        macs = ", ".join(f"{kind} {self.macs(kind):,}" for kind in KINDS)
        return "\n".join([*lines, f"multiply-adds: {macs}",
                          f"bytes: {self.packed_bytes:,} at their width, {self.fp32_bytes:,} in float32"])  # fmt: skip

    def _cells(self, layer: LayerSummary) -> list[str]:
        share = [f"{100 * part / whole:.1f}" if part else ""
                 for part, whole in ((layer.packed_bytes, self.packed_bytes), (layer.macs, self.macs()))]  # fmt: skip
        counts = (layer.params_32bit, layer.other_floats, layer.packed_bytes, layer.fp32_bytes)
        return [layer.name, layer.type, layer.kind, "x".join(map(str, layer.output)), _count(layer.weights),
                str(layer.weight_bits) if layer.weights else "", *map(_count, counts), share[0], _count(layer.macs),
                share[1], layer.why]  # fmt: skip


def _count(number: int) -> str:
    return f"{number:,}" if number else ""


def _kind(module: nn.Module) -> tuple[str, int, str]:
    """(kind, bits of a weight when packed, why it is not binary)."""
    if isinstance(module, (Int8Conv2d, Int8Linear)):
        return "int8", 8, _WHY_INT8
    if isinstance(module, (BinaryConv2d, BinaryLinear, FewBitConv2d, FewBitLinear)):
        assert module.weight_quantizer is not None
        bits = module.weight_quantizer.width
        if bits == REAL_WEIGHT:
            return "float", bits, _WHY_REAL
        if isinstance(module, (BinaryConv2d, BinaryLinear)):
            return "binary", bits, ""
        quantizer = module.activation_quantizer
        assert quantizer is not None
        codes = "real numbers" if quantizer.levels == "real" else f"{quantizer.width}-bit codes"
        return "few-bit", bits, f"{bits}-bit weights on {codes}"
    return "float", 32, _WHY_FLOAT if isinstance(module, (nn.Conv2d, nn.Linear)) else ""


def _row(name: str, module: nn.Module, output: Tensor) -> LayerSummary:
    (kind, bits, why), shape, macs, weights, scales = _kind(module), tuple(output.shape[1:]), 0, 0, 0
    if isinstance(module, (nn.Conv2d, nn.Linear)):
        weights = module.weight.numel()
        positions = math.prod(shape[1:]) if isinstance(module, nn.Conv2d) else math.prod(shape[:-1])
        macs = weights * positions
        scales = 0 if kind == "float" else module.weight.shape[0]
    trained = sum(p.numel() for p in module.parameters(recurse=False)) - weights
    floats = scales + sum(b.numel() for b in module.buffers(recurse=False) if b.is_floating_point() and b.ndim)
    return LayerSummary(name, type(module).__name__, kind, shape, weights, bits, trained, floats, macs, why)


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
