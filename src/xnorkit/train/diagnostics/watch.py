"""Watches a model train, from outside: forward hooks, gradients of outputs, weights before and after each step.

Nothing of the training changes: the hooks read and return nothing, draw no random numbers, and are gone with `close`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

import torch
from torch import Tensor, nn

from xnorkit.errors import RangeError
from xnorkit.nn.layers.binary import BinaryConv2d, BinaryLinear
from xnorkit.train.diagnostics.report import LayerRow, Limits, Report

STEEP = 0.1
"""An activation is saturated where its slope is below this share of its largest."""


def _slope(module: nn.Module, y: Tensor) -> Tensor | None:
    """|sigma'| at every value, from the output (an in-place module has no input left), as a share of the largest."""
    if isinstance(module, nn.Sigmoid):
        return 4 * y * (1 - y)
    if isinstance(module, nn.Tanh):
        return 1 - y * y
    if isinstance(module, nn.Hardtanh):
        return ((y > module.min_val) & (y < module.max_val)).to(y.dtype)
    return (y > 0).to(y.dtype) if isinstance(module, nn.ReLU) else None


class _Sum:
    """Sum and count of scalars that stay tensors until read, so that no step waits for a device."""

    def __init__(self) -> None:
        self.total: Tensor | float = 0.0
        self.count = 0

    def add(self, value: Tensor) -> None:
        device = "cpu" if value.device.type == "mps" else value.device  # which has no float64
        self.total = self.total + value.detach().to(device, torch.float64)
        self.count += 1

    @property
    def mean(self) -> float | None:
        return float(self.total) / self.count if self.count else None


@dataclass(eq=False)
class _Watched:
    """A layer's running figures."""

    name: str
    module: nn.Module
    binary: bool
    sums: dict[str, _Sum] = field(default_factory=dict)
    low: Tensor | None = None
    high: Tensor | None = None
    alive: Tensor | None = None
    broken: Tensor | None = None
    before: Tensor | None = None
    error: Tensor | None = None
    """Sum over this step's calls of |dC/d output|^2."""

    @property
    def weight(self) -> nn.Parameter | None:
        """Its matrix or filters; a vector is a norm's scale."""
        found = getattr(self.module, "weight", None)
        return found if isinstance(found, nn.Parameter) and found.ndim >= 2 else None

    def add(self, what: str, value: Tensor) -> None:
        self.sums.setdefault(what, _Sum()).add(value)

    def mean(self, what: str) -> float | None:
        return self.sums[what].mean if what in self.sums else None


class Diagnostics:
    """Figures of every layer of any model while it trains; `report` says what is wrong, where, and by what factor.

    Parameters
    ----------
    model: any module. Its leaf modules and layers with weights are watched; functions such as ``F.relu`` have no module
        and show in the figures of the layers around them only.
    every: steps between two observed ones; the others cost nothing but a counter.
    binary: further parameters, by name (``"head.weight"``), whose sign flips count; layers of ``xnorkit.nn`` are known.
    limits: where a figure becomes a finding.

    Call `step` after each optimizer step, gradients still in place. Forward passes without gradients are not watched.
    Memory: a few numbers a layer, and between two observed steps a copy of the weights.
    Raises RangeError for ``every`` below 1 and for a name that is no parameter of two axes or more.

    >>> _ = torch.manual_seed(0)
    >>> model = nn.Sequential(*[m for _ in range(12) for m in (nn.Linear(16, 16), nn.Sigmoid())], nn.Linear(16, 1))
    >>> optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    >>> with Diagnostics(model) as watch:
    ...     for _ in range(3):
    ...         optimizer.zero_grad()
    ...         model(torch.randn(8, 16)).square().mean().backward()
    ...         optimizer.step()
    ...         watch.step()
    >>> finding = watch.report().findings[0]
    >>> finding.kind, finding.factor < 1e-3
    ('vanishing', True)
    """

    def __init__(self, model: nn.Module, *, every: int = 1, binary: Sequence[str] = (),
                 limits: Limits | None = None) -> None:  # fmt: skip
        if every < 1:
            raise RangeError("diagnostics", "every", got=every, expected="1 or more")
        self.every, self.limits = every, limits or Limits()
        self._layers: dict[nn.Module, _Watched] = {}
        named = set(binary)
        for name, module in model.named_modules():
            if next(module.children(), None) is None or isinstance(getattr(module, "weight", None), nn.Parameter):
                one_bit = isinstance(module, BinaryConv2d | BinaryLinear)
                label = f"{name}.weight" if name else "weight"
                watched = _Watched(name or type(module).__name__, module, one_bit or label in named)
                named -= {label} if watched.weight is not None else set()
                self._layers[module] = watched
        if named:
            raise RangeError("diagnostics", "binary", got=sorted(named), expected="names of layers' weights")
        self._order: list[_Watched] = []
        self._steps, self._observed = 0, 0
        self._handles = [module.register_forward_hook(self._after_forward) for module in self._layers]
        self._remember()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:  # fmt: skip
        self.close()

    def close(self) -> None:
        """Take the hooks off; what was seen stays."""
        for handle in self._handles:
            handle.remove()
        self._handles = []
        for layer in self._layers.values():
            layer.before = None

    @property
    def observing(self) -> bool:
        """Whether the step under way is an observed one."""
        return self._steps % self.every == 0

    def _after_forward(self, module: nn.Module, inputs: tuple[Any, ...], output: Any) -> None:
        if not (self.observing and torch.is_grad_enabled()):
            return
        y, layer = _first_tensor(output), self._layers[module]
        if y is None or not y.numel():
            return
        if layer not in self._order:
            self._order.append(layer)
        if y.requires_grad:
            y.register_hook(lambda grad: _take_error(layer, grad))
        with torch.no_grad():
            _note_values(layer, y.detach())
            x = _first_tensor(inputs)
            if x is not None and isinstance(module, BinaryConv2d | BinaryLinear):
                clip = getattr(module.activation_quantizer, "clip", None)
                if clip is not None:
                    layer.add("saturation", (x.detach().abs() > clip).float().mean())

    @torch.no_grad()
    def step(self) -> None:
        """Close a step: read gradients, and how far the optimizer moved each weight and flipped each sign."""
        if self.observing:
            self._observed += 1
            for layer in self._layers.values():
                _close_step(layer)
        self._steps += 1
        if self._handles:
            self._remember()

    def _remember(self) -> None:
        """Copies of the weights, if the next step is observed."""
        for layer in self._layers.values():
            weight = layer.weight
            layer.before = weight.detach().clone() if self.observing and weight is not None else None

    def report(self) -> Report:
        """Means over the steps observed since the start or the last `reset`; layers as the forward pass met them."""
        return Report(self._observed, tuple(_row(layer) for layer in self._order), self.limits)

    def reset(self) -> None:
        """Forget the figures, e.g. at the end of an epoch."""
        self._observed = 0
        for layer in self._layers.values():
            layer.sums.clear()
            layer.low = layer.high = layer.alive = layer.broken = layer.error = None


def _first_tensor(values: Any) -> Tensor | None:
    """The first floating-point tensor in a tensor, tuple, list or mapping."""
    if isinstance(values, Tensor):
        return values if values.is_floating_point() else None
    inner: Iterable[Any] = values.values() if isinstance(values, dict) else values
    if not isinstance(values, tuple | list | dict):
        return None
    return next((found for found in map(_first_tensor, inner) if found is not None), None)


def _take_error(layer: _Watched, grad: Tensor) -> None:
    square = grad.detach().float().square().sum()
    layer.error = square if layer.error is None else layer.error + square


def _note_values(layer: _Watched, y: Tensor) -> None:
    layer.add("mean", y.float().mean())
    layer.add("square", y.float().square().mean())
    low, high = torch.aminmax(y)
    layer.low = low if layer.low is None else torch.minimum(layer.low, low)
    layer.high = high if layer.high is None else torch.maximum(layer.high, high)
    bad = (~torch.isfinite(y)).any().to(torch.int64)
    layer.broken = bad if layer.broken is None else layer.broken + bad
    slope = _slope(layer.module, y)
    if slope is None:
        return
    largest = 0.25 if isinstance(layer.module, nn.Sigmoid) else 1.0
    layer.add("slope", slope.float().mean() * largest)
    if isinstance(layer.module, nn.ReLU):
        axis = y.ndim - 1 if y.ndim in (1, 3) else 1  # channels: (N, C), (N, C, H, W); features last: (N, T, C)
        alive = (y > 0).transpose(0, axis).flatten(1).any(1) if y.ndim > 1 else y > 0
        layer.alive = alive if layer.alive is None or layer.alive.shape != alive.shape else layer.alive | alive
    else:
        layer.add("saturation", (slope < STEEP).float().mean())


def _close_step(layer: _Watched) -> None:
    if layer.error is not None:
        layer.add("error", layer.error)
        layer.error = None
    weight, before = layer.weight, layer.before
    if weight is None:
        return
    layer.add("weight", weight.detach().float().norm())
    if weight.grad is not None:
        layer.add("weight_gradient", weight.grad.detach().float().norm())
    if before is None or before.shape != weight.shape:
        return
    length = before.float().norm()
    moved = (weight.detach() - before).float().norm()
    layer.add("update", moved / length.clamp_min(torch.finfo(torch.float32).tiny))
    if layer.binary:
        layer.add("flips", ((weight.detach() < 0) != (before < 0)).float().mean())


def _row(layer: _Watched) -> LayerRow:
    mean, square, error = layer.mean("mean"), layer.mean("square"), layer.mean("error")
    std = None if mean is None or square is None else math.sqrt(max(0.0, square - mean * mean))
    dead = None if layer.alive is None else 1 - float(layer.alive.float().mean())
    return LayerRow(
        layer.name, type(layer.module).__name__, layer.weight is not None, mean, std,
        None if layer.low is None else float(layer.low), None if layer.high is None else float(layer.high),
        None if error is None else math.sqrt(error), layer.mean("weight"), layer.mean("weight_gradient"),
        layer.mean("update"), layer.mean("slope"), dead, layer.mean("saturation"), layer.mean("flips"),
        0 if layer.broken is None else int(layer.broken),
    )  # fmt: skip
