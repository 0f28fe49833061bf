"""What a stage is: frozen options, and what they do to a model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from torch import nn

from ...errors import RecipeError
from ...graph.coding import Coding
from ...train.config import Section, describe, option, to_plain

if TYPE_CHECKING:
    from ..work import Work


@dataclass(frozen=True)
class Stage(Section):
    """A row of the table. name, doc: as ``xnorkit compress`` takes and lists it. main: the option that a value right
    behind the name sets (``prune:0.9``), "" for none. coding: how files are coded from this stage on; "" changes
    nothing."""

    name: ClassVar[str]
    doc: ClassVar[str]
    main: ClassVar[str] = ""
    coding: ClassVar[Coding | str] = ""

    def apply(self, model: nn.Module, work: Work) -> None:
        """Change the model in place; afterwards every weight is a plain parameter again (`weights.settle`)."""

    def check_layers(self, low: float, high: float, *, whole: bool = False) -> None:
        """Refuse a layer's own value outside ``low .. high``, or no whole number. Raises RecipeError."""
        for path, value in getattr(self, "layers", {}).items():
            fits = isinstance(value, int if whole else (int, float)) and not isinstance(value, bool)
            if not fits or not low <= value <= high:
                raise RecipeError(f"{self.name}.{path}", "value of a layer", got=value, expected=f"{low}..{high}")

    @property
    def text(self) -> str:
        """The stage as the command line takes it, its defaults left out."""
        own, first = to_plain(self), {item.key: item.default for item in describe(type(self))}
        said = [_said(own[self.main])] if self.main and own[self.main] is not None else []
        for key, value in own.items():
            if key != self.main and value != first[key]:
                named = value.items() if isinstance(value, dict) else [(key, value)]
                said += [f"{k}={_said(v)}" for k, v in named]
        return ":".join([self.name, *said])


def _said(value: object) -> str:
    """A value as the command line takes it."""
    return str(value).lower() if isinstance(value, bool) else f"{value:.6g}" if isinstance(value, float) else str(value)


@dataclass(frozen=True)
class TrainedStage(Stage):
    """A stage after which the net is trained on."""

    epochs: int = option(4, "of training afterwards", low=0)
    lr: float = option(0.1, "factor on the recipe's learning rate", above=0)
    teach: float = option(
        0.0, "share of the loss that the net as it came, or --teacher, teaches by softened scores", low=0, high=1
    )

    def train_on(self, model: nn.Module, work: Work, label: str = "train") -> None:
        """Train the model as the options say, and settle its weights."""
        work.train_on(model, label, epochs=self.epochs, lr=self.lr, teach=self.teach)
