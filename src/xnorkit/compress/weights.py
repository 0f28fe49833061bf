"""What holds a weight to its compressed form while it is trained on, under any optimizer: parametrizations.

A weight that was pruned is exactly 0, and weights that share a value are equal: a settled model says all that a later
stage, or the packed file, must know. Nothing else is stored.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from .layers import float_layers


class Kept(nn.Module):
    """weight = mask * latent, the mask 0 where a weight was pruned: neither steps nor decay bring it back."""

    mask: Tensor

    def __init__(self, mask: Tensor) -> None:
        super().__init__()
        self.register_buffer("mask", mask)

    def forward(self, latent: Tensor) -> Tensor:
        return latent * self.mask


class Shared(nn.Module):
    """weight[i] = values[index[i]]; the gradient of a value is the sum over its weights (Han et al. 2016, sec. 3.3):

        dL/dC_k = sum_ij dL/dW_ij [I_ij = k]

    index: whole numbers in the weight's shape. zero: index 0 is a value that stays 0, for pruned weights; the others
    are then counted from 1.
    """

    index: Tensor

    def __init__(self, index: Tensor, zero: bool) -> None:
        super().__init__()
        self.register_buffer("index", index.to(torch.int32))
        self.zero = zero

    def forward(self, values: Tensor) -> Tensor:
        book = torch.cat([values.new_zeros(1), values]) if self.zero else values
        return book.index_select(0, self.index.reshape(-1)).view(self.index.shape)

    def right_inverse(self, weight: Tensor) -> Tensor:
        """The mean of every cluster of a weight: what training begins with."""
        flat, place = weight.detach().reshape(-1).double(), self.index.reshape(-1).long()
        count = torch.bincount(place)
        mean = torch.zeros(len(count), dtype=torch.float64).index_add_(0, place, flat) / count.clamp(min=1)
        return mean[int(self.zero) :].to(weight.dtype)


def hold(layer: nn.Module, form: nn.Module, name: str = "weight") -> None:
    """Train the layer's weight (or bias) in that form from now on."""
    parametrize.register_parametrization(layer, name, form)


@torch.no_grad()
def settle(model: nn.Module) -> None:
    """End all forms: every weight and bias becomes a plain parameter of the values it has now, in the usual order."""
    for module in list(model.modules()):
        held = [name for name in ("weight", "bias") if parametrize.is_parametrized(module, name)]
        for name in held:
            value = getattr(module, name).detach().clone()
            parametrize.remove_parametrizations(module, name, leave_parametrized=False)
            setattr(module, name, nn.Parameter(value))
        if held and getattr(module, "bias", None) is not None:
            module.register_parameter("bias", module._parameters.pop("bias"))


def keep_zeros(model: nn.Module) -> None:
    """Hold every float layer's zeros at 0 while it is trained; ``settle`` ends it.

    >>> layer = nn.Linear(2, 1)
    >>> with torch.no_grad(): _ = layer.weight.copy_(torch.tensor([[0.0, 1.0]]))
    >>> keep_zeros(layer); layer(torch.ones(1, 2)).sum().backward()
    >>> layer.parametrizations.weight.original.grad.tolist()
    [[0.0, 1.0]]
    """
    for layer in float_layers(model).values():
        zero = layer.weight.detach() == 0
        if not parametrize.is_parametrized(layer, "weight") and bool(zero.any()):
            hold(layer, Kept((~zero).to(layer.weight.dtype)))
