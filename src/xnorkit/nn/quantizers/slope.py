"""sign with other slopes than the box window: Bi-Real, BNN+, IR-Net's EDE, and windows to choose from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor

from ...errors import RangeError
from ..functional import sign, sign_values
from .base import EVALUATION, ActivationQuantizer, Moment, check_choice, check_clip

Slope = Callable[[Tensor], Tensor]


class _SlopeSTE(torch.autograd.Function):
    """forward sign(x), backward g * slope."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, slope: Tensor) -> Tensor:
        ctx.save_for_backward(slope)
        return sign_values(x)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None]:
        (slope,) = ctx.saved_tensors
        return grads[0] * slope, None


def sign_slope(x: Tensor, slope: Slope) -> Tensor:
    """sign(x), +1 at 0, whose derivative is ``slope(x)``; under ``torch.export`` the node ``xnorkit::sign``.

    >>> x = torch.tensor([-0.5, 0.0, 2.0], requires_grad=True)
    >>> y = sign_slope(x, lambda x: 2 - x.abs()); y.sum().backward(); y.tolist(), x.grad.tolist()
    ([-1.0, 1.0, 1.0], [1.5, 2.0, 0.0])
    """
    if torch.compiler.is_exporting():
        return sign(x)
    if not torch.is_grad_enabled():
        return sign_values(x)
    y: Tensor = _SlopeSTE.apply(x, slope(x.detach()))  # type: ignore[no-untyped-call]
    return y


def approx_slope(x: Tensor) -> Tensor:
    """Bi-Real's 2 - 2|x| where |x| < 1, else 0."""
    return x.abs().mul_(-2).add_(2).clamp_min_(0)


def ede_t(progress: Tensor | float, t_min: float, t_max: float) -> Tensor:
    """EDE's t at a share 0..1 of the training: t_min (t_max/t_min)^progress, 0-dim.

    >>> ede_t(0.5, 0.1, 10.0).item()
    1.0
    """
    share = torch.as_tensor(progress)
    return t_min * torch.pow(torch.full_like(share, t_max / t_min), share)


def ede_slope(x: Tensor, t: Tensor) -> Tensor:
    """IR-Net's k t (1 - tanh^2(t x)), k = max(1/t, 1); t is 0-dim."""
    t = t.to(x.dtype)
    return t.clamp_min(1) * (1 - torch.tanh(x * t).square())


def swish_slope(x: Tensor, beta: float) -> Tensor:
    """BNN+'s derivative of SignSwish: b (2 - z tanh(z/2)) / (1 + cosh z), z = b x, without overflow."""
    z = beta * x
    s = torch.sigmoid(z)
    return 2 * beta * s * (1 - s) * (2 - z * torch.tanh(z / 2))


def check_t(where: str, t_min: float, t_max: float) -> None:
    """Raises RangeError unless 0 < t_min <= t_max."""
    if not 0 < t_min <= t_max:
        raise RangeError(where, "t_min and t_max", got=(t_min, t_max), expected="0 < t_min <= t_max")


@dataclass(frozen=True)
class ApproxSign(ActivationQuantizer):
    """Bi-Real's sign, whose slope is that of a piecewise quadratic.

    forward   ``q = -1 if x < 0 else +1``
    gradient  ``dC/dx = dC/dq * (2 - 2|x|)`` where ``|x| < 1``, else 0
    source    Liu et al. 2018 (Bi-Real Net), sec. 3.3
    deviates  the authors' codes have torch.sign(0) = 0

    >>> x = torch.tensor([-1.5, -0.5, 0.0, 0.25], requires_grad=True)
    >>> ApproxSign()(x).sum().backward(); x.grad
    tensor([0.0000, 1.0000, 2.0000, 1.5000])
    """

    name: ClassVar[str] = "approx-sign"

    def __call__(self, x: Tensor, moment: Moment = EVALUATION) -> Tensor:
        return sign_slope(x, approx_slope)


@dataclass(frozen=True)
class Window(ActivationQuantizer):
    """sign with a window of a chosen shape as its slope.

    forward   ``q = -1 if x < 0 else +1``
    gradient  ``dC/dx = dC/dq * s(x)``:
              ``triangle``  (2/clip)(1 - |x|/clip) inside the clip, else 0; clip 1 is Bi-Real's slope
              ``leaky``     1 inside the clip, ``leak`` outside: the slope of an S-shaped ReLU
              ``tanh``      1 - tanh^2(x/clip)
    source    windows of Hubara et al. 2016 (hard tanh) and Liu et al. 2018 with other widths; leaky: after Jin et al.
              2016 (SReLU), whose slopes outside are learned
    deviates  ``leak`` is an option, not learned

    >>> x = torch.tensor([-4.0, -0.5, 0.0], requires_grad=True)
    >>> Window("leaky", leak=0.25)(x).sum().backward(); x.grad
    tensor([0.2500, 1.0000, 1.0000])
    """

    name: ClassVar[str] = "window"
    shape: Literal["triangle", "leaky", "tanh"] = "triangle"
    clip: float = 1.0
    leak: float = 0.1

    def __post_init__(self) -> None:
        check_choice("Window", "shape", self.shape, ("triangle", "leaky", "tanh"))
        check_clip("Window", self.clip)
        if not 0 <= self.leak <= 1:
            raise RangeError("Window", "leak", got=self.leak, expected="0..1")

    def __call__(self, x: Tensor, moment: Moment = EVALUATION) -> Tensor:
        return sign_slope(x, self.slope)

    def slope(self, x: Tensor) -> Tensor:
        """s(x)."""
        if self.shape == "triangle":
            return (2 / self.clip * (1 - x.abs() / self.clip)).clamp_min(0)
        if self.shape == "leaky":
            inside = (x.abs() <= self.clip).to(x.dtype)
            return inside + self.leak * (1 - inside)
        return 1 - torch.tanh(x / self.clip).square()


@dataclass(frozen=True)
class Ede(ActivationQuantizer):
    """IR-Net's error decay estimator: a slope that sharpens as training goes on.

    forward   ``q = -1 if x < 0 else +1``
    gradient  ``dC/dx = dC/dq * k t (1 - tanh^2(t x))``, ``t = t_min (t_max/t_min)^progress``, ``k = max(1/t, 1)``:
              at first nearly the identity, at last a narrow peak (``nn.set_progress_`` before each step)
    source    Qin et al. 2020 (IR-Net), sec. 3.3
    deviates  the authors' code follows whole epochs, has t_min 0.001 for ResNet-20, and torch.sign(0) = 0

    >>> x = torch.tensor([0.0, 0.5], requires_grad=True)
    >>> Ede()(x, Moment(progress=1.0)).sum().backward(); x.grad
    tensor([1.0000e+01, 1.8156e-03])
    """

    name: ClassVar[str] = "ede"
    scheduled: ClassVar[bool] = True
    t_min: float = 0.1
    t_max: float = 10.0

    def __post_init__(self) -> None:
        check_t("Ede", self.t_min, self.t_max)

    def __call__(self, x: Tensor, moment: Moment = EVALUATION) -> Tensor:
        return sign_slope(x, lambda x: ede_slope(x, ede_t(moment.progress, self.t_min, self.t_max)))


@dataclass(frozen=True)
class SwishSign(ActivationQuantizer):
    """BNN+'s sign, whose slope is that of SignSwish: a peak of height beta that dips below 0 at its feet.

    forward   ``q = -1 if x < 0 else +1``
    gradient  ``dC/dx = dC/dq * b (2 - z tanh(z/2)) / (1 + cosh z)``, ``z = b x``: the derivative of
              ``SS(x) = 2 s(z) [1 + z (1 - s(z))] - 1``, s the logistic function
    source    Darabi et al. 2018 (BNN+), sec. 3.1
    deviates  the paper also learns beta, a layer; here it is an option

    >>> x = torch.tensor([0.0, 1.0], requires_grad=True)
    >>> SwishSign(beta=5.0)(x).sum().backward(); x.grad
    tensor([ 5.0000, -0.1950])
    """

    name: ClassVar[str] = "swish-sign"
    beta: float = 5.0

    def __post_init__(self) -> None:
        if not self.beta > 0:
            raise RangeError("SwishSign", "beta", got=self.beta, expected="a positive number")

    def __call__(self, x: Tensor, moment: Moment = EVALUATION) -> Tensor:
        return sign_slope(x, lambda x: swish_slope(x, self.beta))
