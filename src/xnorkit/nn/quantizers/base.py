"""What a quantizer is: a small immutable object that maps real tensors to -1/+1 or integers, with its own gradient."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import Tensor

from ...errors import DTypeError, RangeError


@dataclass(frozen=True)
class ActivationQuantizer(ABC):
    """Callable: real ``(N, C, ...)`` -> -1/+1 of the same shape and dtype."""

    name: ClassVar[str]
    kind: ClassVar[Literal["activation"]] = "activation"

    @abstractmethod
    def __call__(self, x: Tensor) -> Tensor: ...


@dataclass(frozen=True)
class WeightQuantizer(ABC):
    """Callable: latent weight ``(O, ...)`` -> (values of the same shape, scale ``(O,)``).

    The layer computes ``op(x, values) * scale``: the values are -1/+1 or small integers, so the accumulator is an exact
    integer and the scale is applied once, after it. ``bits`` is the width a value needs in a packed file.
    """

    name: ClassVar[str]
    kind: ClassVar[Literal["weight"]] = "weight"
    bits: ClassVar[int] = 1

    @abstractmethod
    def __call__(self, weight: Tensor) -> tuple[Tensor, Tensor]: ...


def window_mask(x: Tensor, clip: float | None, strict: bool) -> Tensor:
    """1 where the straight-through gradient passes: ``|x| <= clip`` (or ``< clip`` if strict); everywhere if None."""
    if clip is None:
        return torch.ones_like(x)
    magnitude = x.abs()
    return (magnitude < clip if strict else magnitude <= clip).to(x.dtype)


def check_clip(where: str, clip: float | None) -> None:
    """Raises RangeError unless clip is None or positive."""
    if clip is not None and not clip > 0:
        raise RangeError(where, "clip", got=clip, expected="a positive number, or None for no window")


def check_weight_dtype(where: str, weight: Tensor) -> None:
    """Raises DTypeError unless float32 or float64: half precision cannot hold the integer sums or the updates."""
    if weight.dtype not in (torch.float32, torch.float64):
        raise DTypeError(where, "latent weight", got=weight.dtype, expected="float32 or float64",
                         hint="keep parameters in float32; use autocast for the float layers")  # fmt: skip
