"""Taking channels out of a net: torch-pruning finds what hangs together, the net's config remembers the new sizes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from ..errors import MissingDependencyError, UnsupportedError
from ..models import create_model
from ..nn.edits import SIZES

Shapes = dict[str, tuple[dict[str, int], dict[str, list[int]]]]


def torch_pruning() -> Any:
    """The library. Raises MissingDependencyError."""
    try:
        import torch_pruning as library
    except ImportError as error:
        raise MissingDependencyError("compress", "torch-pruning is needed to take channels out",
                                     hint='pip install "xnorkit[compress]"') from error  # fmt: skip
    return library


def graph_of(model: nn.Module, example: Tensor) -> Any:
    """Which channels hang together. Raises UnsupportedError for nets that cannot be traced so."""
    try:
        return torch_pruning().DependencyGraph().build_dependency(model, example_inputs=example)
    except Exception as error:
        got = f"{type(error).__name__}: {error}"
        raise UnsupportedError("compress", "the net's channels cannot be followed", got=got,
                               hint="prune single weights instead") from error  # fmt: skip


@contextmanager
def resized(model: nn.Module, example: Tensor) -> Iterator[None]:
    """Inside, channels are taken out; afterwards the net's ``config`` says so, and what it says rebuilds the net.

    Raises UnsupportedError where that is not so: some layer's tensors did not follow.
    """
    before = _shapes(model)
    yield
    edits = [{"layer": path, "edit": "resized", "sizes": after[0], "tensors": after[1]}
             for path, after in _shapes(model).items() if before[path] != after]  # fmt: skip
    config = vars(model).get("config")
    if isinstance(config, dict) and edits:
        vars(model)["config"] = {**config, "edits": [*config.get("edits", []), *edits]}
        _check(model, example)


def _shapes(model: nn.Module) -> Shapes:
    """Of every layer with tensors: what says how large they are, and their shapes."""
    found: Shapes = {}
    for path, module in model.named_modules():
        own = dict([*module.named_parameters(recurse=False), *module.named_buffers(recurse=False)])
        if own:
            sizes = {name: getattr(module, name) for name in SIZES if isinstance(getattr(module, name, None), int)}
            found[path] = (sizes, {name: list(tensor.shape) for name, tensor in own.items()})
    return found


@torch.no_grad()
def _check(model: nn.Module, example: Tensor) -> None:
    try:
        again = create_model(**vars(model)["config"])
        again.load_state_dict(model.state_dict())
        same = torch.equal(again.eval()(example), model.eval()(example))
    except (RuntimeError, ValueError) as error:
        raise UnsupportedError("compress", "channels of this net cannot be taken out", got=str(error).splitlines()[0],
                               hint="prune single weights instead") from error  # fmt: skip
    assert same
