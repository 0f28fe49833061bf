"""The diagonal of the loss's Hessian, by Hutchinson's estimate: E[v (Hv)] over v of random signs is its diagonal."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor, nn

Batch = tuple[Tensor, Tensor]


def diagonal(model: nn.Module, weights: Mapping[str, Tensor], batches: Sequence[Batch],
             loss: Callable[[Tensor, Tensor], Tensor], *, seed: int = 0,
             draws: int = 1) -> dict[str, Tensor]:  # fmt: skip
    """h_kk of each weight, in its shape: of the mean loss over the batches, which are of one size.

    draws: vectors of signs a batch; the error falls with the square root of batches times draws. Exact where the
    Hessian is diagonal.

    >>> w = nn.Parameter(torch.tensor([1.0, 2.0]))
    >>> class Square(nn.Module):
    ...     def forward(self, x): return (w**2 * x).sum()
    >>> one = torch.tensor([3.0, 5.0])
    >>> diagonal(Square(), {"w": w}, [(one, one)], lambda y, t: y)["w"].tolist()
    [6.0, 10.0]
    """
    generator = torch.Generator().manual_seed(seed)
    names, tensors = list(weights), list(weights.values())
    found = {name: torch.zeros_like(tensor) for name, tensor in weights.items()}
    for images, labels in batches:
        slopes = torch.autograd.grad(loss(model(images), labels), tensors, create_graph=True)
        for draw in range(draws):
            signs = [torch.randint(0, 2, t.shape, generator=generator).to(t.dtype) * 2 - 1 for t in tensors]
            along = sum((slope * sign).sum() for slope, sign in zip(slopes, signs, strict=True))
            turned = torch.autograd.grad(along, tensors, retain_graph=draw + 1 < draws, allow_unused=True)
            for name, sign, curve in zip(names, signs, turned, strict=True):
                found[name] += 0 if curve is None else sign * curve.detach() / (len(batches) * draws)
    return found
