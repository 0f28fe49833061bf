"""Turn a plain float CNN into a binary one: layers replaced by name, weights copied, every decision reported.

torch.fx tells what feeds what; the result is a copy of the model itself, with its own forward and parameter names.

Block order: sign(ReLU(x)) is +1 everywhere, so a ReLU in front of a layer whose quantizer needs both sides of zero is
taken out (the quantizer takes its place); a batch norm there stays and centres the threshold (XNOR-Net's B-A-C-P).
Train the result: copied weights are only a start.
"""

from __future__ import annotations

import copy
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from torch import fx, nn

from ..errors import RangeError, UnsupportedError
from .functional import PIXEL_MAX
from .layers.activation import Pixels
from .layers.binary import BinaryConv2d, BinaryLinear
from .layers.fewbit import FewBitConv2d, FewBitLinear
from .layers.int8 import Int8Conv2d, Int8Linear
from .layers.nonlinear import RPReLU
from .layers.state import QuantizedModule
from .quantizers.base import WeightQuantizer
from .quantizers.table import weight_quantizer
from .schemes import Scheme, find_scheme

_RELUS = (nn.ReLU, nn.ReLU6)
_RELU_CALLS = (F.relu, F.relu6, torch.relu, torch.relu_, "relu", "relu_")
_RESHAPES = (nn.Flatten, nn.Identity, nn.Dropout, nn.Dropout2d)
_RESHAPE_CALLS = (torch.flatten, torch.reshape, F.dropout, "flatten", "view", "reshape", "contiguous")
_POOLS = (nn.MaxPool2d, nn.AvgPool2d, nn.AdaptiveAvgPool2d, nn.AdaptiveMaxPool2d)
_POOL_CALLS = (F.max_pool2d, F.avg_pool2d, F.adaptive_avg_pool2d, F.adaptive_max_pool2d)

Plan = dict[str, tuple[nn.Module, str]]
"""Dotted name -> (the module that will stand there, why)."""


@dataclass(frozen=True)
class Decision:
    """What became of one module: its dotted name, the types before and after, and why."""

    name: str
    before: str
    after: str
    why: str

    def __str__(self) -> str:
        return f"{self.name}: {self.before} -> {self.after} ({self.why})"


@dataclass(frozen=True)
class Report:
    """All decisions, in the order the modules run; ``left``: what the scheme does to blocks, and these have not got."""

    decisions: tuple[Decision, ...]
    left: tuple[str, ...] = ()

    def __str__(self) -> str:
        return "\n".join([*map(str, self.decisions), *self.left])

    def of(self, name: str) -> Decision:
        """The decision about a module; KeyError if it was not looked at."""
        for decision in self.decisions:
            if decision.name == name:
                return decision
        raise KeyError(name)


class _Tracer(fx.Tracer):
    """Trace through the user's modules; those of torch.nn and of this package are leaves."""

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        ours = isinstance(m, (QuantizedModule, Pixels, RPReLU))
        return ours or super().is_leaf_module(m, module_qualified_name)


def binarize(
    model: nn.Module,
    scheme: str | Scheme = "xnor",
    *,
    skip: Collection[str] = (),
    first: Literal["int8", "planes", "float"] | None = None,
    last: Literal["int8", "binary", "float"] | None = None,
    weight: str | WeightQuantizer | None = None,
) -> nn.Module:
    """A copy of ``model`` whose hidden nn.Conv2d and nn.Linear are few-bit layers of the same names and weights.

    scheme: a row of SCHEMES, with options as ``find_scheme`` reads them; ``weight`` replaces its weight quantizer.
    skip: dotted names of layers that stay float.
    first: ``"int8"`` or ``"planes"`` makes the first layer read raw pixels 0..255 (a ``Pixels`` module before it is
        taken out): feed the result pixels, not normalised images; ``"float"`` leaves it as it is. None: the scheme's.
    last: ``"int8"`` makes the last layer int8 on the signs of its input, ``"binary"`` a hidden layer like the others;
        ``"float"`` leaves it as it is. None: the scheme's.

    The result carries ``result.binarization``, a Report with one line a layer. Raises RangeError for an unknown scheme
    or skipped name; UnsupportedError when the forward cannot be traced, holds no layer to replace, or calls a
    functional relu in front of a layer that takes signs.

    >>> net = nn.Sequential(nn.Conv2d(1, 8, 3), nn.ReLU(), nn.Conv2d(8, 8, 3), nn.BatchNorm2d(8), nn.ReLU(),
    ...                     nn.Flatten(), nn.Linear(8 * 16, 10))
    >>> print(binarize(net).binarization)
    0: Conv2d -> Int8Conv2d (first layer, reads raw pixels 0..255)
    1: ReLU -> Identity (its output meets a sign: sign(ReLU(x)) is always +1)
    2: Conv2d -> BinaryConv2d (hidden layer)
    4: ReLU -> Identity (its output meets a sign: sign(ReLU(x)) is always +1)
    6: Linear -> Int8Linear (last layer, on the signs of its input)
    """
    changes = {key: value for key, value in (("first", first), ("last", last)) if value is not None}
    chosen = find_scheme(scheme).variant(changes)
    if weight is not None:
        chosen = chosen.variant({"weight": weight_quantizer(weight)})
    if not chosen.binary:
        raise RangeError("binarize", "scheme", got=chosen.name, expected="one with few-bit weights")
    result = copy.deepcopy(model)
    try:
        graph = _Tracer().trace(result)
    except Exception as error:
        raise UnsupportedError("binarize", f"the model cannot be traced: {error}",
                               hint="use BinaryConv2d and BinaryLinear in its code instead") from error  # fmt: skip
    modules = dict(result.named_modules())
    layers = [n for n in graph.nodes if n.op == "call_module" and type(modules[n.target]) in (nn.Conv2d, nn.Linear)]
    if not layers:
        raise UnsupportedError("binarize", "found no nn.Conv2d or nn.Linear to replace")
    names = list(dict.fromkeys(str(n.target) for n in layers))
    for name in skip:
        if name not in names:
            raise RangeError("binarize", "skip", got=name, expected=f"among {names}")
    plan = _plan_layers(layers, modules, set(skip), chosen)
    plan.update(_without_relus(graph, modules, plan))
    return _carry_out(result, graph, modules, plan, _left(chosen))


def _left(scheme: Scheme) -> tuple[str, ...]:
    """What the scheme asks of whole blocks beyond B-A-C-P; the model's own blocks stay."""
    asked = {
        f"nonlinearity {scheme.nonlinearity}": scheme.nonlinearity != "none",
        "a shortcut around each convolution": scheme.shortcut,
        "batch norm by shifts": scheme.norm == "shift",
    }
    return tuple(f"not added: {what} of scheme {scheme.name} (the model keeps its own blocks)"
                 for what, wanted in asked.items() if wanted)  # fmt: skip


def _plan_layers(
    layers: list[fx.Node],
    modules: dict[str, nn.Module],
    skip: set[str],
    scheme: Scheme,
) -> Plan:
    plan: Plan = {}
    ends = {"first": scheme.first, "last": scheme.last}
    for node in layers:
        name, role = str(node.target), "hidden"
        if node is layers[0]:
            role = "first"
        elif node is layers[-1]:
            role = "last"
        old = modules[name]
        choice = ends.get(role, "binary")
        why_float = "skipped by name" if name in skip else _why_float(node, modules, role, choice)
        if why_float:
            plan[name] = (old, why_float)
        elif role == "hidden" or choice == "binary":
            gated = ", times a gate of its input" if scheme.gate and isinstance(old, nn.Conv2d) else ""
            plan[name] = (_hidden(old, scheme), f"{role} layer{gated}")
        elif role == "first":
            plan.update(_without_pixels(node, modules))
            new = _int8(old, pixels=True) if choice == "int8" else _planes(old, scheme)
            plan[name] = (new, "first layer, reads raw pixels 0..255")
        else:
            plan[name] = (_int8(old, pixels=False), "last layer, on the signs of its input")
    return plan


def _why_float(node: fx.Node, modules: dict[str, nn.Module], role: str, choice: str) -> str:
    """Why a layer stays float; "" when it does not."""
    module = modules[str(node.target)]
    if choice == "float":
        return f"{role} layer, kept float"
    if isinstance(module, nn.Conv2d) and (isinstance(module.padding, str) or module.padding_mode != "zeros"):
        return f"padding {module.padding!r} of mode {module.padding_mode} has no binary counterpart"
    if role == "first" and not _reads_image(node, modules):
        return "its input is not the image itself"
    if role == "last" and choice == "int8" and isinstance(module, nn.Conv2d):
        return "int8 convolutions read pixels, not signs"
    return ""


def _above(node: fx.Node, modules: dict[str, nn.Module]) -> Iterator[fx.Node]:
    """The nodes from the first layer up to the image, as long as they only normalise or reshape it for this layer."""
    source = node.args[0]
    while isinstance(source, fx.Node):
        yield source
        passes = _is(source, modules, (*_RESHAPES, Pixels), _RESHAPE_CALLS) and len(source.users) == 1
        source = source.args[0] if passes else None


def _reads_image(node: fx.Node, modules: dict[str, nn.Module]) -> bool:
    return [n.op for n in _above(node, modules)][-1:] == ["placeholder"]


def _is(node: fx.Node, modules: dict[str, nn.Module], types: tuple[type, ...], calls: tuple[object, ...]) -> bool:
    if node.op == "call_module":
        return isinstance(modules[str(node.target)], types)
    return node.op in ("call_function", "call_method") and node.target in calls


def _without_pixels(first: fx.Node, modules: dict[str, nn.Module]) -> Plan:
    found = [str(n.target) for n in _above(first, modules) if _is(n, modules, (Pixels,), ())]
    return {name: (nn.Identity(), "the int8 layer after it reads raw pixels") for name in found}


def _without_relus(graph: fx.Graph, modules: dict[str, nn.Module], plan: Plan) -> Plan:
    """Each ReLU module whose output meets a two-sided quantizer becomes the identity. Raises UnsupportedError for a
    functional one."""
    signed = {name for name, (new, _) in plan.items() if _two_sided(new)}
    found: Plan = {}
    for node in graph.nodes:
        if not _is(node, modules, _RELUS, _RELU_CALLS):
            continue
        readers = [str(r.target) for r in _readers(node, modules) if r.op == "call_module" and str(r.target) in signed]
        if readers and node.op != "call_module":
            raise UnsupportedError("binarize", f"a functional relu feeds {readers[0]}, which needs both signs",
                                   hint="make it an nn.ReLU module (then taken out) or skip that layer")  # fmt: skip
        if readers:
            signs = all(plan[r][0].activation_quantizer.levels == "signs" for r in readers)
            why = "a sign: sign(ReLU(x)) is always +1" if signs else "a quantizer that needs both sides of zero"
            found[str(node.target)] = (nn.Identity(), f"its output meets {why}")
    return found


def _readers(node: fx.Node, modules: dict[str, nn.Module]) -> Iterator[fx.Node]:
    """The nodes that use a value, looking through pools, reshapes and dropout."""
    for user in node.users:
        if _is(user, modules, _RESHAPES + _POOLS, _RESHAPE_CALLS + _POOL_CALLS):
            yield from _readers(user, modules)
        else:
            yield user


def _two_sided(module: nn.Module) -> bool:
    quantizer = getattr(module, "activation_quantizer", None)
    return quantizer is not None and quantizer.two_sided


def _hidden(old: nn.Module, scheme: Scheme) -> nn.Module:
    conv = isinstance(old, nn.Conv2d)
    options: dict[str, object] = {"weight": scheme.weight, "activation": scheme.activation, "gradient": scheme.gradient}
    if not scheme.signed:
        return _converted(old, FewBitConv2d if conv else FewBitLinear, **options)
    if conv:
        options |= {"kmap": scheme.kmap, "gate": scheme.gate}
    return _converted(old, BinaryConv2d if conv else BinaryLinear, **options)


def _planes(old: nn.Module, scheme: Scheme) -> nn.Module:
    cls = FewBitConv2d if isinstance(old, nn.Conv2d) else FewBitLinear
    return _converted(old, cls, weight=scheme.weight, activation="pixels")


def _int8(old: nn.Module, pixels: bool) -> nn.Module:
    if isinstance(old, nn.Conv2d):
        return _converted(old, Int8Conv2d)
    options = {"input_scale": 1 / PIXEL_MAX} if pixels else {"activation": "sign"}
    return _converted(old, Int8Linear, **options)


def _converted(old: nn.Module, cls: type[nn.Module], **options: object) -> nn.Module:
    """A layer of class ``cls`` with the sizes, parameters and mode of the nn.Conv2d or nn.Linear ``old``."""
    names = ("in_channels", "out_channels", "kernel_size", "stride", "padding", "dilation", "groups")
    sizes = {n: getattr(old, n) for n in (names if isinstance(old, nn.Conv2d) else ("in_features", "out_features"))}
    new = cls(**sizes, bias=old.bias is not None, device=old.weight.device, dtype=old.weight.dtype, **options)
    new.weight, new.bias = old.weight, old.bias
    return new.train(old.training)


def _carry_out(model: nn.Module, graph: fx.Graph, modules: dict[str, nn.Module], plan: Plan,
               left: tuple[str, ...]) -> nn.Module:  # fmt: skip
    decisions = []
    for name in dict.fromkeys(str(n.target) for n in graph.nodes if n.op == "call_module" and str(n.target) in plan):
        new, why = plan[name]
        decisions.append(Decision(name, type(modules[name]).__name__, type(new).__name__, why))
        for alias in [n for n, m in model.named_modules(remove_duplicate=False) if m is modules[name]]:
            parent, _, child = alias.rpartition(".")
            setattr(model.get_submodule(parent), child, new)
    vars(model)["binarization"] = Report(tuple(decisions), left)
    return model
