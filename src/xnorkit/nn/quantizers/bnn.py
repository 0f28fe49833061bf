"""sign weights without a scaling factor: BinaryConnect and BNN."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import Tensor

from .base import EVALUATION, Moment, WeightQuantizer, check_choice, check_clip, check_weight_dtype, window_mask
from .ste import sign_ste
from .straight import straight_through


@dataclass(frozen=True)
class SignWeight(WeightQuantizer):
    """Sign weights, scale 1.

    forward   ``B = -1 if W < 0 else +1``; ``stochastic``: in training +1 with probability clip((W + 1)/2, 0, 1), drawn
              from torch's generator at every call; ``evaluate="real"``: in evaluation W itself
    gradient  ``dC/dW = dC/dB`` (identity; ``clip`` adds the window ``1{|W| <= clip}``)
    source    Courbariaux et al. 2015 (BinaryConnect), eq. 1 to 3 and sec. 2.6; 2016 (BNN, algorithm 1); clip the latent
              weights to [-1, 1] after every step (``nn.clip_weights_``)
    deviates  The BNN text masks no weight gradient and relies on clipping; several PyTorch ports add the window.
              itayhubara/BinaryNet.pytorch never clips the latent weights. BinaryConnect's best stochastic figures
              are with real weights in evaluation, which no one-bit file holds: the default evaluates with signs.

    >>> values, scale = SignWeight()(torch.tensor([[0.2, -0.3], [0.0, -2.0]]))
    >>> values.tolist(), scale.tolist()
    ([[1.0, -1.0], [1.0, -1.0]], [1.0, 1.0])
    >>> SignWeight(evaluate="real")(torch.tensor([[0.25, -0.5]]))[0].tolist()
    [[0.25, -0.5]]
    """

    name: ClassVar[str] = "sign"
    clip: float | None = None
    strict: bool = False
    stochastic: bool = False
    evaluate: Literal["binary", "real"] = "binary"

    def __post_init__(self) -> None:
        check_clip("SignWeight", self.clip)
        check_choice("SignWeight", "evaluate", self.evaluate, ("binary", "real"))

    @property
    def width(self) -> int:
        return 1 if self.evaluate == "binary" else 32

    def __call__(self, weight: Tensor, moment: Moment = EVALUATION) -> tuple[Tensor, Tensor]:
        check_weight_dtype("SignWeight", weight)
        ones = weight.new_ones(weight.shape[0])
        if not moment.training and self.evaluate == "real":
            return weight, ones
        if moment.training and self.stochastic:
            up = torch.rand_like(weight) < (weight.detach() + 1) / 2
            windowed = weight * window_mask(weight.detach(), self.clip, self.strict)
            return straight_through(windowed, torch.where(up, 1.0, -1.0).to(weight.dtype)), ones
        return sign_ste(weight, self.clip, self.strict), ones
