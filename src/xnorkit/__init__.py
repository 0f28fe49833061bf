"""xnorkit: binarized neural networks that ship. Train in PyTorch, pack to one bit, run on the CPU you have.

Names and rooms are imported when first used: ``load`` and ``Session`` need NumPy and the compiled engine, the names of
training need PyTorch (``pip install "xnorkit[train]"``).

>>> import xnorkit as xk
>>> "load" in dir(xk)
True
"""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType
from typing import Any

from .errors import MissingDependencyError

__version__ = "0.1.0"

_HOMES = {
    "load": "runtime.session",
    "Session": "runtime.session",
    "GraphBuilder": "graph.build",
    "create_model": "models.table",
    "list_models": "models.table",
    "summary": "models.summary",
    "HubModel": "models.hub",
    "binarize": "nn.binarize",
    "train": "train.launch:run",
    "export": "export.exporter",
    "verify": "export.parity",
    "rehearse": "export.rehearsal",
    "compress": "compress.pipeline",
}
"""Public name -> module that defines it, with ``:name`` where it is called otherwise there."""

_ROOMS = ("draw", "errors", "estimators", "format", "graph", "interop", "models", "nn", "reference", "runtime", "zoo")

__all__ = ["__version__", *_HOMES, *_ROOMS]


def _defined(name: str) -> Any:
    """The object behind a public name. Raises MissingDependencyError when its room needs a package that is absent."""
    module, _, inner = _HOMES[name].partition(":")
    try:
        return getattr(import_module(f"{__name__}.{module}"), inner or name)
    except ModuleNotFoundError as error:
        if (error.name or "").split(".")[0] == __name__:
            raise
        raise MissingDependencyError(f"xnorkit.{name}", "a package is missing", got=error.name,
                                     hint='pip install "xnorkit[train]"') from error  # fmt: skip


def __getattr__(name: str) -> Any:
    if name in _ROOMS:
        return import_module(f"{__name__}.{name}")
    if name not in _HOMES:
        raise AttributeError(f"module 'xnorkit' has no attribute {name!r}")
    return globals().setdefault(name, _defined(name))


def __dir__() -> list[str]:
    return sorted(__all__)


class _Verb(ModuleType):
    """A room that is also the function of its name: ``xk.train(recipe)`` beside ``xk.train.recipe``."""

    def __call__(self, *args: Any, **options: Any) -> Any:
        return _defined(self.__name__.rpartition(".")[2])(*args, **options)


class _Root(ModuleType):
    """The import system sets a loaded room as an attribute here; rooms named like a function become callable."""

    def __setattr__(self, name: str, value: Any) -> None:
        if name in _HOMES and isinstance(value, ModuleType):
            value.__class__ = _Verb
        super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Root
