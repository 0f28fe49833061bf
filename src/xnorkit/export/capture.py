"""A trained ``nn.Module`` as an ``ExportedProgram``: ATen operators and one ``xnorkit::`` operator per binary layer."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, fx, nn
from torch.export import Dim, ExportedProgram

from ..errors import UnsupportedError


def operator_of(node: fx.Node) -> Any:
    """What a node calls: an operator of torch or of ours, with its ``_schema``, or Python's ``getitem``. torch types it
    as a callable or a name; a ``call_function`` node has no name."""
    assert callable(node.target), node.op
    return node.target


def argument_names(node: fx.Node) -> list[str]:
    """Names of the arguments of the node's operator, in order."""
    return [argument.name for argument in operator_of(node)._schema.arguments]


def capture(model: nn.Module, example: Tensor) -> ExportedProgram:
    """``torch.export`` of the model in evaluation mode, batch size free; the model's own modes are restored.

    model: takes one float tensor ``(N, C, H, W)`` or ``(N, C)``.
    example: such a tensor; only its shape matters (one picture is doubled: export fixes batch 1).

    Raises UnsupportedError when the model branches on values or takes other arguments, with torch's reason.
    """
    example = example.detach().float()
    pair = example.expand(2, *example.shape[1:]).contiguous() if example.shape[0] == 1 else example
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        with torch.no_grad():
            return torch.export.export(model, (pair,), dynamic_shapes=({0: Dim("batch", min=1, max=1 << 20)},))
    except Exception as problem:
        first = str(problem).strip().splitlines()[0] if str(problem).strip() else ""
        raise UnsupportedError(
            "export", "torch.export refused the model", got=f"{type(problem).__name__}: {first}",
            hint="forward() must take one tensor, treat every batch size alike and not branch on tensor values",
        ) from problem  # fmt: skip
    finally:
        for module, training in modes:
            module.training = training
