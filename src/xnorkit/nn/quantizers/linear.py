"""QNN's linear quantizer of weights and activations."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from ...errors import RangeError
from .base import EVALUATION, Moment, WeightQuantizer, check_weight_dtype
from .codes import CodeQuantizer
from .straight import in_units, positive_or_one


def check_step(where: str, step: float | None) -> None:
    """Raises RangeError unless step is positive, or None where the layer's range gives it."""
    if step is not None and not step > 0:
        raise RangeError(where, "step", got=step, expected="a positive number")


@dataclass(frozen=True)
class LinearWeight(WeightQuantizer):
    """Evenly spaced weights of ``bits`` bits around zero.

    forward   ``W~ = clip(round(W / step), -M, M) step``, ``M = 2^(k-1) - 1``, halves to even
    gradient  ``dC/dW = dC/dW~``
    source    Hubara et al. 2016 (QNN), sec. 3.1: LinearQuant(x, step) = clip(round(x / step) step, min, max)
    deviates  QNN fixes step and range. ``step=None`` takes ``step = max|W| / M`` of the layer at each call, as the
              authors' PyTorch code takes it from the tensor's range. The lowest level -M - 1 is not used.

    >>> import torch
    >>> values, scale = LinearWeight(bits=4)(torch.tensor([[0.7, -0.26, 0.04]]))
    >>> values.tolist(), round(scale.item(), 4)
    ([[7.0, -3.0, 0.0]], 0.1)
    """

    name: ClassVar[str] = "linear"
    bits: int = 4  # type: ignore[misc]
    step: float | None = None

    def __post_init__(self) -> None:
        if not 2 <= self.bits <= 8:
            raise RangeError("LinearWeight", "bits", got=self.bits, expected="2..8", hint='one bit is "sign"')
        check_step("LinearWeight", self.step)

    @property
    def width(self) -> int:
        return 2 if self.bits == 2 else 8

    def __call__(self, weight: Tensor, moment: Moment = EVALUATION) -> tuple[Tensor, Tensor]:
        check_weight_dtype("LinearWeight", weight)
        most = (1 << (self.bits - 1)) - 1
        step = weight.new_tensor(self.step) if self.step is not None else weight.detach().abs().amax() / most
        step = positive_or_one(step)
        return in_units(weight, step, (weight.detach() / step).round().clamp(-most, most))


@dataclass(frozen=True)
class LinearActivation(CodeQuantizer):
    """Evenly spaced activations of ``bits`` bits from zero on, e.g. behind a ReLU.

    forward   ``q = floor(x / step + 1/2)`` clipped to 0..2^k - 1, each worth ``step``
    gradient  ``dC/dx = dC/dx~ 1{0 <= x <= (2^k - 1) step}``
    source    Hubara et al. 2016 (QNN), sec. 3.1: LinearQuant(x, step) with minimum 0
    deviates  Halves round up. The division by step is a product with the float32 nearest to its reciprocal.

    >>> import torch
    >>> LinearActivation(bits=2, step=0.5)(torch.tensor([-1.0, 0.3, 0.75, 9.0])).tolist()
    [0.0, 1.0, 2.0, 3.0]
    """

    name: ClassVar[str] = "linear"
    bits: int = 4
    step: float = 0.25

    def __post_init__(self) -> None:
        super().__post_init__()
        check_step("LinearActivation", self.step)

    @property
    def unit(self) -> float:
        return self.step

    @property
    def scale(self) -> float:
        return 1 / self.step

    @property
    def bias(self) -> float:
        return 0.5

    @property
    def window(self) -> tuple[float, float]:
        return 0.0, ((1 << self.bits) - 1) * self.step
