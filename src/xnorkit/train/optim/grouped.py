"""From a recipe's options to an optimizer: one rule for all parameters, or one more for binary weights."""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Callable
from typing import Any

from torch import nn, optim

from xnorkit.errors import RecipeError
from xnorkit.nn.layers import quantized_modules
from xnorkit.train.optim.groups import LR_SCALES, Groups, groups, split
from xnorkit.train.optim.table import OPTIMIZERS, Rule
from xnorkit.train.options import OptimOptions


class Grouped(optim.Optimizer):
    """Several optimizers over disjoint parameters, as one: ``step``, ``zero_grad``, ``state_dict`` reach all of them.

    Source: Helwegen et al. 2019 train binary weights with Bop and the other parameters with Adam.
    """

    def __init__(self, members: list[optim.Optimizer]) -> None:
        self.members = members
        self.defaults: dict[str, Any] = {}

    @property
    def param_groups(self) -> Groups:  # type: ignore[override]
        """The groups of all members, in their order; the dicts are the members' own."""
        return [group for member in self.members for group in member.param_groups]

    @property
    def state(self) -> Any:  # type: ignore[override]
        """Parameter -> state, over all members."""
        return ChainMap(*(member.state for member in self.members))

    def step(self, closure: Callable[[], Any] | None = None) -> Any:  # type: ignore[override]
        """One step of each member. Raises RecipeError for a closure, which members would call once each."""
        if closure is not None:
            raise RecipeError("Grouped", "closure", got=closure, expected="none")
        for member in self.members:
            member.step()

    def zero_grad(self, set_to_none: bool = True) -> None:
        for member in self.members:
            member.zero_grad(set_to_none)

    def state_dict(self) -> dict[str, Any]:
        return {"members": [member.state_dict() for member in self.members]}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        for member, state in zip(self.members, state_dict["members"], strict=True):
            member.load_state_dict(state)

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Raises RecipeError: a group belongs to one member."""
        raise RecipeError("Grouped", "add_param_group", got="a new group", expected="a member: members[i]")

    def __repr__(self) -> str:
        return f"Grouped({self.members})"


def make(model: nn.Module, options: OptimOptions) -> optim.Optimizer:
    """The recipe's optimizer over the model's trainable parameters.

    With ``optim.binary.name``, weights of binary and few-bit layers go by that rule. ``optim.lr_scale`` multiplies the
    steps of those weights, and of nothing else: w + s (update - w).

    Raises
    ------
    RecipeError: a rule without weights to move, or that cannot move them.

    >>> type(make(nn.Linear(2, 1), OptimOptions(name="adamw"))).__name__
    'AdamW'
    """
    latent, others = split(model)
    rest, own, decay = OPTIMIZERS[options.name], options.binary, options.weight_decay
    chosen, factor = {id(weight) for weight in latent}, LR_SCALES[options.lr_scale]
    if own.name == "same":
        wanted = [p for p in model.parameters() if p.requires_grad]
        dealt = groups(wanted, decay, lambda p: factor(p) if id(p) in chosen else 1.0)
        return _build(rest, dealt, options.lr, options)
    rule = OPTIMIZERS[own.name]
    if not latent:
        raise RecipeError("optim.binary.name", "no binary weights in the model", got=own.name, expected="same")
    if rule.latent_free:
        _require_signs(model, own.name)
    rate = own.lr if own.lr is not None else options.lr
    members = [_build(rule, groups(latent, decay if rule.decays else 0.0, factor), rate, options)]
    if others:
        members.append(_build(rest, groups(others, decay, lambda p: 1.0), options.lr, options))
    if rule.latent_free:
        _schedule(members[0], own.follows)
    return Grouped(members)


def set_factor(optimizer: Any, factor: float) -> None:
    """Multiply what the schedule moves of each group (``base``: its learning rate; Bop's threshold) by the factor."""
    for group in optimizer.param_groups:
        for name, value in group["base"].items():
            group[name] = value * factor


def _build(rule: Rule, dealt: Groups, lr: float, options: OptimOptions) -> optim.Optimizer:
    for group in dealt:
        group["lr"] = lr if rule.scales else lr * group["scale"]
        group["base"] = {"lr": group["lr"]}
    return rule.build(dealt, options)


def _schedule(bop: optim.Optimizer, follows: str) -> None:
    """Which of Bop's two numbers the schedule moves."""
    names = {"gamma": ("lr",), "threshold": ("threshold",), "both": ("lr", "threshold"), "none": ()}[follows]
    for group in bop.param_groups:
        group["base"] = {name: group[name] for name in names}


def _require_signs(model: nn.Module, rule: str) -> None:
    """Raises RecipeError where a latent weight is quantized to more than its sign: -1/+1 would say nothing."""
    latent = {id(weight) for weight in split(model)[0]}
    for module in quantized_modules(model):
        quantizer = module.weight_quantizer
        if quantizer is not None and id(getattr(module, "weight", None)) in latent and quantizer.width != 1:
            raise RecipeError("optim.binary.name", f"{rule} keeps weights at -1/+1", got=str(quantizer),
                              expected="one-bit weights in every hidden layer")  # fmt: skip
