"""What a quantized layer keeps for its quantizers: what they learn, and how far the training is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import torch
from torch import Tensor, nn

from ...errors import RangeError
from ..quantizers.backward import GradientQuantizer
from ..quantizers.base import ActivationQuantizer, Moment, WeightQuantizer
from ..quantizers.table import gradient_quantizer

REAL_WEIGHT = 32
"""``width`` of a weight quantizer whose values are real numbers."""


class QuantizedModule(nn.Module):
    """A module that owns quantizers: it registers what they learn as ``weight_<name>`` and ``input_<name>``.

    ``progress`` (0..1, not in the state_dict) is set by ``set_progress_``; only scheduled quantizers have it.
    """

    weight_quantizer: WeightQuantizer | None
    activation_quantizer: ActivationQuantizer | None
    gradient_quantizer: GradientQuantizer | None

    def adopt(self, weight: WeightQuantizer | None, activation: ActivationQuantizer | None, channels: int,
              gradient: str | GradientQuantizer | None = None) -> None:  # fmt: skip
        """Take the quantizers of a layer with ``channels`` input channels; its latent ``weight`` must be there."""
        self.weight_quantizer, self.activation_quantizer = weight, activation
        self.gradient_quantizer = gradient_quantizer(gradient)
        latent = getattr(self, "weight", None)
        own = weight.learned(latent) if weight is not None and isinstance(latent, Tensor) else {}
        incoming = activation.learned(channels) if activation is not None else {}
        device = None if latent is None else latent.device
        self._learned = {"weight": tuple(own), "input": tuple(incoming)}
        for side, first in (("weight", own), ("input", incoming)):
            for name, value in first.items():
                self.register_parameter(f"{side}_{name}", nn.Parameter(value.detach().clone().to(device)))
        if any(q is not None and q.scheduled for q in (weight, activation)):
            self.register_buffer("progress", torch.zeros((), device=device), persistent=False)

    def moment(self, side: str) -> Moment:
        """What the quantizer of that side (``weight`` or ``input``) is told now."""
        learned: Mapping[str, Tensor] = {name: getattr(self, f"{side}_{name}") for name in self._learned[side]}
        return Moment(self.training, getattr(self, "progress", 0.0), learned)

    @property
    def _real_weight(self) -> bool:
        """Whether the weight's values are real numbers, which no packed layer holds."""
        return self.weight_quantizer is not None and self.weight_quantizer.width == REAL_WEIGHT

    def renew_learned(self) -> None:
        """Give the weight's learned numbers the first values that the weight as it is now suggests."""
        if self.weight_quantizer is not None and self._learned["weight"]:
            for name, value in self.weight_quantizer.learned(self.weight.detach()).items():
                getattr(self, f"weight_{name}").data.copy_(value)

    def quantized_weight(self) -> tuple[Tensor, Tensor]:
        """(values, scale) of the latent weight now."""
        assert self.weight_quantizer is not None
        values, scale = self.weight_quantizer(self.weight, self.moment("weight"))
        return values, scale

    def quantized_input(self, x: Tensor) -> Tensor:
        """The values of the input now; x itself without an activation quantizer."""
        return x if self.activation_quantizer is None else self.activation_quantizer(x, self.moment("input"))

    def returned(self, y: Tensor) -> Tensor:
        """The layer's output as it leaves: y, whose gradient is quantized on its way back where a quantizer says so."""
        return y if self.gradient_quantizer is None else self.gradient_quantizer(y)

    def quantizers(self) -> str:
        """The quantizers as ``extra_repr`` shows them."""
        rows = (("weight", self.weight_quantizer), ("activation", self.activation_quantizer),
                ("gradient", self.gradient_quantizer))  # fmt: skip
        return "".join(f", {side}={row}" for side, row in rows if row is not None)

    def operand(self, x: Tensor) -> Tensor:
        """What an exported layer hands to its operator; see ``ActivationQuantizer.operand``."""
        return x if self.activation_quantizer is None else self.activation_quantizer.operand(x, self.moment("input"))

    weight: Tensor


def quantized_modules(model: nn.Module) -> Iterator[QuantizedModule]:
    """Every module with quantizers, each once."""
    return (module for module in model.modules() if isinstance(module, QuantizedModule))


@torch.no_grad()
def set_progress_(model: nn.Module, share: float) -> int:
    """Tell every scheduled quantizer that the share 0..1 of the training is done; call it before each step.

    IR-Net's gradient sharpens with it; a model without scheduled quantizers is left alone. Returns the number of
    layers told. Raises RangeError outside 0..1.

    >>> set_progress_(nn.Linear(2, 2), 0.5)
    0
    """
    if not 0 <= share <= 1:
        raise RangeError("set_progress_", "share", got=share, expected="0..1")
    told = [m for m in quantized_modules(model) if isinstance(getattr(m, "progress", None), Tensor)]
    for module in told:
        module.progress.fill_(share)  # type: ignore[operator, union-attr]
    return len(told)
