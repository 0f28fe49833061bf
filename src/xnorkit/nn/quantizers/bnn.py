"""sign weights without a scaling factor: BinaryConnect and BNN."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from .base import EVALUATION, Moment, WeightQuantizer, check_clip, check_weight_dtype
from .ste import sign_ste


@dataclass(frozen=True)
class SignWeight(WeightQuantizer):
    """Deterministic sign weights, scale 1.

    forward   ``B = -1 if W < 0 else +1``, ``scale = 1``
    gradient  ``dC/dW = dC/dB`` (identity; ``clip`` adds the window ``1{|W| <= clip}``)
    source    Courbariaux et al. 2015 (BinaryConnect), 2016 (BNN, algorithm 1); clip the latent weights to [-1, 1] after
              every step (``nn.clip_weights_``)
    deviates  The BNN text masks no weight gradient and relies on clipping; several PyTorch ports add the window.
              itayhubara/BinaryNet.pytorch never clips the latent weights.

    >>> import torch
    >>> values, scale = SignWeight()(torch.tensor([[0.2, -0.3], [0.0, -2.0]]))
    >>> values.tolist(), scale.tolist()
    ([[1.0, -1.0], [1.0, -1.0]], [1.0, 1.0])
    """

    name: ClassVar[str] = "sign"
    clip: float | None = None
    strict: bool = False

    def __post_init__(self) -> None:
        check_clip("SignWeight", self.clip)

    def __call__(self, weight: Tensor, moment: Moment = EVALUATION) -> tuple[Tensor, Tensor]:
        check_weight_dtype("SignWeight", weight)
        return sign_ste(weight, self.clip, self.strict), weight.new_ones(weight.shape[0])
