"""The reference's multi-layer net and torch's autograd give the same gradients, in float64."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from xnorkit.reference import mlp

ACTIVATIONS = {"sigmoid": torch.sigmoid, "tanh": torch.tanh, "relu": torch.relu, "identity": lambda z: z}


def torch_cost(net: mlp.Net, a: torch.Tensor, y: torch.Tensor, parameters: list[torch.Tensor]) -> torch.Tensor:
    for weight, bias, name in zip(parameters[::2], parameters[1::2], net.activations, strict=True):
        z = F.linear(a, weight, bias)
        a = ACTIVATIONS[name](z)
    if net.cost == "quadratic":
        return 0.5 * F.mse_loss(a, y, reduction="sum") / len(y)
    return F.binary_cross_entropy_with_logits(z, y, reduction="sum") / len(y)


@pytest.mark.parametrize("cost", ["quadratic", "cross_entropy"])
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_gradients_are_autograds(activation: str, cost: str) -> None:
    for seed in range(10):
        rng = np.random.default_rng(seed)
        sizes = rng.integers(1, 30, size=rng.integers(2, 6)).tolist()
        output = "sigmoid" if cost == "cross_entropy" else activation
        net = mlp.initial(sizes, rng, activation=activation, output=output, cost=cost, scale="fan_in")
        x, y = rng.standard_normal((8, sizes[0])), rng.uniform(0, 1, (8, sizes[-1]))
        pairs = zip(net.weights, net.biases, strict=True)
        parameters = [torch.tensor(array, requires_grad=True) for pair in pairs for array in pair]
        loss = torch_cost(net, torch.tensor(x), torch.tensor(y), parameters)
        loss.backward()
        assert mlp.cost(net, x, y) == pytest.approx(loss.item(), rel=1e-12)
        found = mlp.gradients(net, x, y)
        mine = [array for pair in zip(found.weights, found.biases, strict=True) for array in pair]
        for got, parameter in zip(mine, parameters, strict=True):
            np.testing.assert_allclose(got, parameter.grad.numpy(), rtol=1e-9, atol=1e-12)
