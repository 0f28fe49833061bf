"""What a scheme is: a named way to binarize a network, from its first layer to the loss it is trained with."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, Literal

from ...errors import RangeError
from ..quantizers.backward import GradientQuantizer
from ..quantizers.base import ActivationQuantizer, WeightQuantizer, check_choice
from ..quantizers.ste import Sign
from ..quantizers.table import activation_quantizer, gradient_quantizer, weight_quantizer

FIXED = ("name", "about", "source", "recipe", "packs", "costs")
"""Fields that no option replaces."""
CHOICES = {
    "first": ("int8", "planes", "float"),
    "last": ("int8", "binary", "float"),
    "order": ("bacp", "cbap"),
    "nonlinearity": ("none", "relu", "prelu", "rprelu"),
    "norm": ("batch", "shift"),
}
"""Field -> what it may say."""

_QUANTIZERS: dict[str, Callable[[Any], Any]] = {
    "weight": weight_quantizer, "activation": activation_quantizer, "gradient": gradient_quantizer}  # fmt: skip
"""Field -> how a name becomes its object."""


@dataclass(frozen=True)
class Scheme:
    """A row of the scheme table.

    weight, activation: quantizers of hidden layers; ``weight`` None is a float network.
    first: the layer that reads the image: ``int8`` weights on raw pixels, ``planes`` (binary weights on the eight bit
        planes of raw pixels: BNN, sec. 1.4), or ``float``.
    last: the layer that gives the scores: ``int8`` weights on signs, ``binary``, or ``float``.
    order: of a hidden block: ``bacp`` (batch norm, activation, convolution, pool: XNOR-Net, sec. 3.3) or ``cbap``.
    nonlinearity: after the batch norm of a hidden block, where floats flow on: ReLU, PReLU, ReActNet's RPReLU.
    shortcut: the block's input is added to its result (Bi-Real), so that the next sign reads a sum of many.
    gate: Real-to-Binary's data-driven scale of output channels: the reduction of its dense layers, 0 for none.
    kmap: XNOR-Net's K. norm: batch norm, or BNN's shift-based one. gradient: what the gradient of a hidden layer's sum
        is quantized to on its way back, e.g. ``MaxSign()``; None leaves it.
    recipe: dotted keys of a training recipe that belong to the method, as ``xnorkit compare`` sets them.
    packs, costs: what a packed file holds of it, and what it takes beside one-bit sums, in words.
    """

    name: str
    about: str
    source: str
    weight: WeightQuantizer | None = None
    activation: ActivationQuantizer = field(default_factory=Sign)
    first: Literal["int8", "planes", "float"] = "int8"
    last: Literal["int8", "binary", "float"] = "int8"
    order: Literal["bacp", "cbap"] = "bacp"
    nonlinearity: Literal["none", "relu", "prelu", "rprelu"] = "none"
    shortcut: bool = False
    kmap: bool = False
    gate: int = 0
    norm: Literal["batch", "shift"] = "batch"
    gradient: GradientQuantizer | None = None
    recipe: Mapping[str, Any] = field(default_factory=dict, hash=False)
    packs: str = "all of it"
    costs: str = ""

    def __post_init__(self) -> None:
        for name, choices in CHOICES.items():
            check_choice(f"scheme {self.name}", name, getattr(self, name), choices)

    @property
    def binary(self) -> bool:
        """Whether hidden layers have few-bit weights."""
        return self.weight is not None

    @property
    def signed(self) -> bool:
        """Whether hidden layers read signs: their sums are XNOR and bit counts."""
        return self.binary and self.activation.levels == "signs"

    def variant(self, changes: Mapping[str, Any]) -> Scheme:
        """A copy with other options: names of fields, or ``weight.X``, ``activation.X`` and ``gradient.X`` of
        their quantizers, each applied in turn; a quantizer may be given by name. ``recipe.X`` sets the dotted key X of
        the recipe.

        Raises RangeError for an unknown name or a value it refuses.
        """
        scheme = self
        for key, value in changes.items():
            head, _, tail = key.partition(".")
            if head == "recipe" and tail:
                scheme = replace(scheme, recipe={**scheme.recipe, tail: value})
                continue
            known = [f.name for f in fields(Scheme) if f.name not in FIXED]
            if head not in known or (tail and head not in _QUANTIZERS):
                raise RangeError(f"scheme {self.name}", "option", got=key, expected=f"one of {known}, weight.X, "
                                 "activation.X, gradient.X, recipe.X")  # fmt: skip
            if tail:
                value = _option(getattr(scheme, head), tail, value)
            elif head in _QUANTIZERS and value is not None:
                value = _QUANTIZERS[head](value)
            scheme = replace(scheme, **{head: value})
        return scheme


def _option(quantizer: Any, name: str, value: object) -> Any:
    known = [f.name for f in fields(quantizer)] if quantizer is not None else []
    if name not in known:
        raise RangeError("scheme", "option of a quantizer", got=name, expected=f"one of {known}")
    return replace(quantizer, **{name: value})
