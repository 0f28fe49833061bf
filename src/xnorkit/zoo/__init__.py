"""Packed models that come with the package, by name; no torch needed.

>>> MODELS[DEFAULT].dataset
'fashion-mnist'
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from pathlib import Path

from ..errors import DataError

_FOLDER = Path(__file__).parent


@dataclass(frozen=True)
class ZooModel:
    """One shipped model: what it was trained on and what it is for. The card tells recipe, accuracy and hash."""

    name: str
    dataset: str
    doc: str

    @property
    def file(self) -> Path:
        """The packed file."""
        return _FOLDER / f"{self.name}.xnor.safetensors"

    @property
    def card(self) -> Path:
        """The model card, Markdown."""
        return _FOLDER / f"{self.name}.md"


_ROWS = (
    ZooModel("fashion-mnist-lenet5-xnor", "fashion-mnist", "LeNet-5 with XNOR blocks; 28x28 grey pictures of clothes."),
)

MODELS: dict[str, ZooModel] = {row.name: row for row in _ROWS}
DEFAULT = _ROWS[0].name
SAMPLES = _FOLDER / "samples"
"""Ten Fashion-MNIST test pictures, one a class (MIT licence, see the README there)."""


def path(name: str = DEFAULT) -> Path:
    """The packed file of a zoo model. Raises DataError for an unknown name, with the near ones.

    >>> path("fashion-mnist-lenet5-xnor").name
    'fashion-mnist-lenet5-xnor.xnor.safetensors'
    """
    if name not in MODELS:
        near = difflib.get_close_matches(name, MODELS, n=1)
        raise DataError(
            "zoo",
            "no such model",
            got=name,
            expected="one of " + ", ".join(MODELS),
            hint=f"did you mean {near[0]}?" if near else "",
        )
    return MODELS[name].file
