"""Teaching: recipes, data, the loop, checkpoints. `data` and `metrics` need no torch; the rest loads on first use."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from xnorkit.train.checkpoint import CheckpointInfo, load_checkpoint
    from xnorkit.train.evaluation import evaluate
    from xnorkit.train.launch import Result, run
    from xnorkit.train.metrics import Evaluation
    from xnorkit.train.recipe import Recipe

_HOMES = {
    "CheckpointInfo": "checkpoint", "Evaluation": "metrics", "Recipe": "recipe", "Result": "launch",
    "evaluate": "evaluation", "load_checkpoint": "checkpoint", "run": "launch",
}  # fmt: skip

__all__ = ["CheckpointInfo", "Evaluation", "Recipe", "Result", "evaluate", "load_checkpoint", "run"]


def __getattr__(name: str) -> Any:
    """Import a public name from its file when it is first asked for (PEP 562), so that readers stay free of torch."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
