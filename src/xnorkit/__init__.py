"""xnorkit: binarized neural networks that ship. Train in PyTorch, pack to one bit, run on the CPU you have.

Names are imported when first used: ``load`` and ``Session`` need NumPy and the compiled engine, the names of training
need PyTorch (``pip install "xnorkit[train]"``).

>>> import xnorkit as xk
>>> "load" in dir(xk)
True
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

from .errors import MissingDependencyError

__version__ = "0.1.0"

_HOMES = {
    "load": "runtime.session",
    "Session": "runtime.session",
    "create_model": "models.table",
    "list_models": "models.table",
    "summary": "models.summary",
    "binarize": "nn.binarize",
    "train": "train.launch:run",
    "export": "export.exporter",
    "verify": "export.parity",
}
"""Public name -> module that defines it, with ``:name`` where it is called otherwise there."""

__all__ = ["__version__", *_HOMES]


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'xnorkit' has no attribute {name!r}")
    module, _, inner = home.partition(":")
    try:
        found = getattr(import_module(f"{__name__}.{module}"), inner or name)
    except ModuleNotFoundError as error:
        if (error.name or "").split(".")[0] == __name__:
            raise
        raise MissingDependencyError(f"xnorkit.{name}", "a package is missing", got=error.name,
                                     hint='pip install "xnorkit[train]"') from error  # fmt: skip
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted(__all__)
