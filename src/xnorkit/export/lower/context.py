"""What the lowering rules share: values with their feature order, constants, names, the graph under construction."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, fx

from ...errors import UnsupportedError
from ...graph.build import GraphBuilder
from ...graph.passes.chain import Evaluate
from ...reference.shapes import TensorType

Order = NDArray[np.int64]

ORDER_FREE = frozenset(
    {
        "affine",
        "add",
        "scale_channels",
        "relu",
        "prelu",
        "hardtanh",
        "tanh",
        "sigmoid",
        "sign",
        "dense",
        "bdense",
        "qdense",
        "wdense",
        "quantize",
        "concat",
    }
)
"""Ops whose rules know how to treat a flattened value's own feature order; all others need torch's order."""


@dataclass(frozen=True)
class Value:
    """A graph value standing for a torch tensor.

    name, type: the value in the graph, ``(H, W, C)`` with channels innermost.
    order: for a flattened tensor, ``order[i]`` is the torch feature that graph channel i holds (torch flattens
        ``(C, H, W)``, the graph ``(H, W, C)``); None when both agree.
    """

    name: str
    type: TensorType
    order: Order | None = None


@dataclass
class Lowering:
    """State of one export. ``values`` maps fx nodes to graph values, ``constants`` to tensors known at export."""

    builder: GraphBuilder
    values: dict[fx.Node, Value] = field(default_factory=dict)
    constants: dict[fx.Node, Any] = field(default_factory=dict)
    exact: dict[str, Evaluate] = field(default_factory=dict)
    origin: dict[str, str] = field(default_factory=dict)
    views: dict[fx.Node, Any] = field(default_factory=dict)
    """Moved elements that nobody read yet: ``views.View`` by node."""
    flattened: dict[str, Value] = field(default_factory=dict)
    """Name of a flattened value -> the picture it was."""
    _names: set[str] = field(default_factory=set)
    _signs: dict[str, Value] = field(default_factory=dict)

    def constant(self, argument: Any) -> Any:
        """The argument itself, or the tensor an fx node is known to hold. Raises KeyError for a run-time value."""
        return self.constants[argument] if isinstance(argument, fx.Node) else argument

    def is_value(self, argument: Any) -> bool:
        return isinstance(argument, fx.Node) and (argument in self.values or argument in self.views)

    def emit(self, node: fx.Node, op: str, *inputs: Value, order: Order | None = None, name: str = "",
             tensors: dict[str, Any] | None = None, evaluate: Callable[[Tensor], Tensor] | None = None,
             **attrs: Any) -> Value:  # fmt: skip
        """Add one graph node for (a part of) ``node``.

        evaluate: the training expression of an elementwise op on float32 ``(K, C)``, in graph channel order.
        """
        where = module_path(node)
        if op not in ORDER_FREE and any(value.order is not None for value in inputs):
            raise self.unsupported(node, "a spatial operator after a flatten")
        name = self.builder.add(op, *(value.name for value in inputs), name=self.unique(name or where or node.name),
                                source=where, tensors=tensors or {}, **attrs)  # fmt: skip
        if evaluate is not None:
            self.exact[name] = _as_numpy(evaluate)
        self.origin[name] = node.name
        return Value(name, self.builder.type(name), order)

    def unique(self, wanted: str) -> str:
        """``wanted``, or ``wanted_2``, ``wanted_3``... when a node has that name (a module called twice)."""
        name, count = wanted, 1
        while name in self._names:
            count += 1
            name = f"{wanted}_{count}"
        self._names.add(name)
        return name

    def sign(self, node: fx.Node, value: Value) -> Value:
        """The value as bits: itself if it is bits, else a ``sign`` node (one per value, however many readers)."""
        if value.type.dtype == "bits":
            return value
        if value.name not in self._signs:
            as_float = self.as_float(node, value)
            self._signs[value.name] = self.emit(node, "sign", as_float, order=value.order, name=f"{value.name}.sign")
        return self._signs[value.name]

    def as_float(self, node: fx.Node, value: Value) -> Value:
        """The value as float32: u8 pixels and bits are converted by a unit ``affine``, which is exact."""
        if value.type.dtype == "f32":
            return value
        ones, zeros = np.ones(value.type.shape[2], np.float32), np.zeros(value.type.shape[2], np.float32)
        return self.emit(node, "affine", value, order=value.order, name=f"{value.name}.float",
                         tensors={"scale": ones, "bias": zeros})  # fmt: skip

    def features(self, value: Value, vector: Tensor) -> NDArray[Any]:
        """A torch per-feature vector ``(C,)`` in the value's channel order, as a NumPy copy of its own dtype."""
        array = vector.detach().cpu().numpy().copy()
        return array if value.order is None else array[value.order]

    def unsupported(self, node: fx.Node, why: str, hint: str = "") -> UnsupportedError:
        cure = hint or "write it with other operators, or export the part of the model before it"
        return UnsupportedError(
            "export", f"{module_path(node) or 'model'}: {node.target} cannot be lowered", got=why,
            expected="what the table in export/lower has", hint=f"{cure}; source: {source_line(node)}",
        )  # fmt: skip


def same_order(a: Value, b: Value) -> bool:
    """Whether two values list their features alike."""
    if a.order is None or b.order is None:
        return a.order is b.order
    return np.array_equal(a.order, b.order)


def _as_numpy(evaluate: Callable[[Tensor], Tensor]) -> Evaluate:
    def run(x: NDArray[np.float32]) -> NDArray[np.float32]:
        with torch.no_grad():
            return evaluate(torch.from_numpy(np.ascontiguousarray(x))).numpy()

    return run


def module_path(node: fx.Node) -> str:
    """Dotted path of the innermost module that ran the node, "" for the model itself."""
    stack = node.meta.get("nn_module_stack") or {}
    paths = [path for path, _ in stack.values()]
    path = paths[-1] if paths else ""
    return path.removeprefix("L['self'].").removeprefix("L['self']")


def source_line(node: fx.Node) -> str:
    """Where the user wrote the operator: the innermost frame outside torch itself, file, line and code."""
    lines = [line.strip() for line in str(node.meta.get("stack_trace", "")).splitlines() if line.strip()]
    frames = [(line, code) for line, code in zip(lines, [*lines[1:], ""], strict=True) if line.startswith("File ")]
    own = [frame for frame in frames if f"{os.sep}torch{os.sep}" not in frame[0]] or frames
    return " | ".join(own[-1]) if own else "unknown"


Rule = Callable[[Lowering, fx.Node, Sequence[Any]], Value]
