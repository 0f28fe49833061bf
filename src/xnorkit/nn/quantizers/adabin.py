"""AdaBin: two values a filter and two a layer's input, neither of them -1 and +1."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from .base import EVALUATION, ActivationQuantizer, Moment, WeightQuantizer, check_weight_dtype, per_channel
from .slope import check_t, ede_slope, ede_t, sign_slope


@dataclass(frozen=True)
class AdaBinWeight(WeightQuantizer):
    """Two values a filter, centred on its mean: real numbers, so not one-bit sums.

    forward   ``W~ = beta + alpha sign(W - beta)``, beta the mean and alpha the standard deviation (n) of a filter
    gradient  EDE's slope at ``(W - beta)/alpha``, then through alpha and beta, as autograd has it
    source    Tu et al. 2022 (AdaBin), sec. 3.2
    deviates  a constant filter has alpha 0 and W~ = beta

    It does not pack: a padded tap adds 0, neither of the two values, and ``x * W~`` takes, beside the one-bit sum, a
    sum of x over each window.

    >>> AdaBinWeight()(torch.tensor([[1.0, 3.0, 5.0, 7.0]]))[0]
    tensor([[1.7639, 1.7639, 6.2361, 6.2361]])
    """

    name: ClassVar[str] = "adabin"
    bits: ClassVar[int] = 32
    scheduled: ClassVar[bool] = True
    t_min: float = 0.1
    t_max: float = 10.0

    def __post_init__(self) -> None:
        check_t("AdaBinWeight", self.t_min, self.t_max)

    def __call__(self, weight: Tensor, moment: Moment = EVALUATION) -> tuple[Tensor, Tensor]:
        check_weight_dtype("AdaBinWeight", weight)
        flat = weight.flatten(1)
        beta = flat.mean(1)
        centred = flat - beta[:, None]
        variance = centred.square().mean(1)
        live = variance > 0
        root = torch.where(live, variance, torch.ones_like(variance)).sqrt()
        t = ede_t(moment.progress, self.t_min, self.t_max)
        signs = sign_slope(centred / root[:, None], lambda w: ede_slope(w, t)).view_as(weight)
        alpha = torch.where(live, root, torch.zeros_like(root))
        values = per_channel(beta, weight.ndim, 0) + per_channel(alpha, weight.ndim, 0) * signs
        return values, weight.new_ones(len(weight))


@dataclass(frozen=True)
class AdaBinActivation(ActivationQuantizer):
    """Two learned values an input, ``{beta - alpha, beta + alpha}``: real numbers.

    forward   ``y = alpha sign((x - beta)/alpha) + beta``; the layer's ``input_alpha`` and ``input_beta`` start at 1, 0
    gradient  with ``u = (x - beta)/alpha`` and ``e = EDE'(u; t)``: ``dC/dx = g e``,
              ``dC/dalpha = sum g (sign(u) - u e)``, ``dC/dbeta = sum g (1 - e)``
    source    Tu et al. 2022 (AdaBin), sec. 3.3
    deviates  the authors' code returns ``alpha (sign(u) + beta)``, which is the paper's only while beta is 0 or alpha 1

    >>> moment = Moment(learned={"alpha": torch.tensor(0.5), "beta": torch.tensor(0.25)})
    >>> AdaBinActivation()(torch.tensor([0.0, 0.25, 3.0]), moment).tolist()
    [-0.25, 0.75, 0.75]
    """

    name: ClassVar[str] = "adabin"
    levels: ClassVar = "real"
    scheduled: ClassVar[bool] = True
    t_min: float = 0.1
    t_max: float = 10.0

    def __post_init__(self) -> None:
        check_t("AdaBinActivation", self.t_min, self.t_max)

    @property
    def two_sided(self) -> bool:
        return True

    @property
    def width(self) -> int:
        return 32

    def learned(self, channels: int) -> dict[str, Tensor]:
        return {"alpha": torch.ones(()), "beta": torch.zeros(())}

    def __call__(self, x: Tensor, moment: Moment = EVALUATION) -> Tensor:
        learned = moment.learned or self.learned(1)
        alpha, beta = learned["alpha"], learned["beta"]
        t = ede_t(moment.progress, self.t_min, self.t_max)
        return alpha * sign_slope((x - beta) / alpha, lambda u: ede_slope(u, t)) + beta
