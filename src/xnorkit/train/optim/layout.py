"""A saved optimizer state goes back into an optimizer of the same layout, or is refused."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from xnorkit.errors import CheckpointError

HINT = "saved by another version or for another model; start over with resume=never, or with model.init=RUN/best"


def restore(optimizer: Any, state: Any, where: str) -> None:
    """``optimizer.load_state_dict(state)``, after it is known that the two have one layout.

    Layout: the members of a `Grouped`, their groups, each group's keys and parameters, and the shapes of the tensors
    that a parameter's state has one number per weight of. ``where`` names the checkpoint in the refusal.

    Raises
    ------
    CheckpointError: another layout; the optimizer is as it was.

    >>> import torch
    >>> weight = torch.nn.Parameter(torch.zeros(2))
    >>> restore(torch.optim.SGD([weight], lr=0.1), {"members": []}, "last")
    Traceback (most recent call last):
        ...
    xnorkit.errors.CheckpointError: [last] optimizer state: got members, expected param_groups, state
    hint: saved by another version or for another model; start over with resume=never, or with model.init=RUN/best
    """
    _compare(optimizer.state_dict(), state, where)
    shapes = [tuple(p.shape) for group in optimizer.param_groups for p in group["params"]]
    saved = state.get("members", [state])
    for shape, found in zip(shapes, (own for member in saved for own in _by_parameter(member)), strict=True):
        wrong = {name: tuple(t.shape) for name, t in found.items()
                 if isinstance(t, Tensor) and t.ndim and tuple(t.shape) != shape}  # fmt: skip
        if wrong:
            raise CheckpointError(where, "optimizer state", got=wrong, expected=f"tensors of shape {shape}", hint=HINT)
    optimizer.load_state_dict(state)


def _compare(own: Any, saved: Any, where: str) -> None:
    """Raises CheckpointError where the saved state's keys or counts are not those of ``own``."""
    _same(_keys(own), _keys(saved), where, "")
    if "members" in own:
        _same(len(own["members"]), len(saved["members"]), where, ", rules")
        for mine, theirs in zip(own["members"], saved["members"], strict=True):
            _compare(mine, theirs, where)
        return
    _same(len(own["param_groups"]), len(saved["param_groups"]), where, ", groups of parameters")
    for number, (mine, theirs) in enumerate(zip(own["param_groups"], saved["param_groups"], strict=True)):
        lacks, has = sorted(set(mine) - set(theirs)), sorted(set(theirs) - set(mine))
        if lacks or has:
            raise CheckpointError(where, f"optimizer state, group {number}", got=f"without {lacks}, with {has} beside",
                                  expected=f"the keys {sorted(mine)}", hint=HINT)  # fmt: skip
        _same(len(mine["params"]), len(theirs["params"]), where, f", parameters of group {number}")


def _by_parameter(state: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """What is kept for each parameter, in the order of the groups; nothing for one that was never stepped."""
    return [state["state"].get(index, {}) for group in state["param_groups"] for index in group["params"]]


def _keys(state: Any) -> str:
    return ", ".join(sorted(state)) if isinstance(state, Mapping) else type(state).__name__


def _same(own: object, saved: object, where: str, what: str) -> None:
    if own != saved:
        raise CheckpointError(where, "optimizer state" + what, got=saved, expected=own, hint=HINT)
