"""Which file an argument means: a path, or the name of a model that comes with the package."""

from __future__ import annotations

from pathlib import Path

from .. import zoo
from ..errors import DataError

SUFFIX = ".safetensors"


def find(name: str) -> Path:
    """The file of a packed model: an existing path, else a zoo name. Raises DataError."""
    path = Path(name)
    if path.is_file():
        return path
    if name in zoo.MODELS:
        return zoo.path(name)
    raise DataError(
        "model",
        "no such packed file",
        got=name,
        expected="a file, or one of " + ", ".join(zoo.MODELS),
        hint="xnorkit list zoo shows the models that come with the package",
    )


def looks_packed(name: str) -> bool:
    """Whether an argument names a packed model rather than a picture, a checkpoint or a dataset."""
    return name.endswith(SUFFIX) or name in zoo.MODELS
