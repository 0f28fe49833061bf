"""What a quantizer is: a small immutable object that maps real tensors to -1/+1 or integers, with its own gradient.

Numbers that are learned (thresholds, scales) belong to the layer, not to the quantizer: the layer asks ``learned`` for
their first values, registers them as parameters, and hands them back at every call in a ``Moment``. So one quantizer
object may serve many layers, compares equal to another with the same options, and prints as its options.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Literal

import torch
from torch import Tensor

from ...errors import DTypeError, RangeError


@dataclass(frozen=True)
class Moment:
    """What a layer tells its quantizer at a call.

    training: the layer's mode; stochastic quantizers draw only while it is true.
    progress: share 0..1 of the training that is done, a number or a 0-dim tensor (``nn.set_progress_``).
    learned: name -> parameter, those that ``learned`` asked for.
    """

    training: bool = False
    progress: Tensor | float = 0.0
    learned: Mapping[str, Tensor] = field(default_factory=dict)


EVALUATION = Moment()
"""The moment of a quantizer that is called outside a layer."""


@dataclass(frozen=True)
class ActivationQuantizer(ABC):
    """Callable: real ``(N, C, ...)`` -> integer values of the same shape and dtype, each worth ``unit``.

    levels: what the values are: ``signs`` -1/+1; ``codes`` 0..2^bits - 1; ``odd codes``, the odd integers
        -(2^bits - 1)..2^bits - 1; ``real``, the input itself.
    scheduled: its gradient follows ``moment.progress``.
    unpacked: why a packed file holds floats where there could be codes; the export's report quotes it.
    """

    name: ClassVar[str]
    kind: ClassVar[Literal["activation"]] = "activation"
    unpacked: ClassVar[str] = ""
    levels: ClassVar[Literal["signs", "codes", "odd codes", "real"]] = "signs"
    scheduled: ClassVar[bool] = False

    @property
    def unit(self) -> float:
        """What one unit of a value is worth."""
        return 1.0

    @property
    def width(self) -> int:
        """Bits of a value in a packed file."""
        return 1

    @property
    def two_sided(self) -> bool:
        """Whether values on both sides of zero matter: behind a ReLU, half of its levels would never be reached."""
        return self.levels in ("signs", "odd codes")

    def learned(self, channels: int) -> dict[str, Tensor]:
        """First values of what is learned for an input of that many channels."""
        return {}

    def operand(self, x: Tensor, moment: Moment = EVALUATION) -> Tensor:
        """What an exported layer hands to its operator: for signs the real tensor whose sign the value is (x, moved by
        learned thresholds where there are any), for codes the codes 0..2^width - 1, for real values x."""
        return x

    @abstractmethod
    def __call__(self, x: Tensor, moment: Moment = EVALUATION) -> Tensor: ...


@dataclass(frozen=True)
class WeightQuantizer(ABC):
    """Callable: latent weight ``(O, ...)`` -> (values of the same shape, scale ``(O,)``).

    The layer computes ``op(x, values) * scale``: the values are -1/+1 or small integers, so the accumulator is an exact
    integer and the scale is applied once, after it. ``bits`` is the width a value needs in a packed file (32: the
    values are real numbers, and no packed layer can hold them).
    """

    name: ClassVar[str]
    kind: ClassVar[Literal["weight"]] = "weight"
    bits: ClassVar[int] = 1
    scheduled: ClassVar[bool] = False

    @property
    def width(self) -> int:
        """Bits of a value in a packed file, as this object's options have it."""
        return self.bits

    def learned(self, weight: Tensor) -> dict[str, Tensor]:
        """First values of what is learned beside the latent ``weight``."""
        return {}

    @abstractmethod
    def __call__(self, weight: Tensor, moment: Moment = EVALUATION) -> tuple[Tensor, Tensor]: ...


def per_channel(vector: Tensor, ndim: int, axis: int) -> Tensor:
    """``(C,)`` shaped to broadcast along ``axis`` of a tensor of ``ndim`` axes."""
    shape = [1] * ndim
    shape[axis] = -1
    return vector.view(shape)


def window_mask(x: Tensor, clip: float | None, strict: bool) -> Tensor:
    """1 where the straight-through gradient passes: ``|x| <= clip`` (or ``< clip`` if strict); everywhere if None."""
    if clip is None:
        return torch.ones_like(x)
    magnitude = x.detach().abs()  # compared in place: booleans are slow on a CPU
    return magnitude.lt_(clip) if strict else magnitude.le_(clip)


def check_clip(where: str, clip: float | None) -> None:
    """Raises RangeError unless clip is None or positive."""
    if clip is not None and not clip > 0:
        raise RangeError(where, "clip", got=clip, expected="a positive number, or None for no window")


def check_choice(where: str, what: str, value: object, choices: tuple[object, ...]) -> None:
    """Raises RangeError unless value is one of the choices."""
    if value not in choices:
        raise RangeError(where, what, got=value, expected=f"one of {choices}")


def check_weight_dtype(where: str, weight: Tensor) -> None:
    """Raises DTypeError unless float32 or float64: half precision cannot hold the integer sums or the updates."""
    if weight.dtype not in (torch.float32, torch.float64):
        raise DTypeError(where, "latent weight", got=weight.dtype, expected="float32 or float64",
                         hint="keep parameters in float32; use autocast for the float layers")  # fmt: skip
