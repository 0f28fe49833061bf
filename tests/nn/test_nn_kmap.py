"""XNOR-Net's K in training: the reference's bits, the paper's formula, its gradient, refusals."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from xnorkit.errors import RangeError
from xnorkit.nn import BinaryConv2d
from xnorkit.nn.functional import input_magnitude
from xnorkit.reference import kmap


@pytest.mark.parametrize("channels", [3, 16, 40])
def test_k_has_the_bits_of_the_reference(channels: int) -> None:
    x = torch.randn(2, channels, 9, 7)
    window = ((3, 2), (2, 1), (2, 1), (2, 1))
    got = input_magnitude(x, *window).permute(0, 2, 3, 1).numpy()
    law = kmap.kmap(x.permute(0, 2, 3, 1).numpy(), (3, 2), (2, 1), (2, 1, 2, 1), (2, 1))
    np.testing.assert_array_equal(got, law)


def test_a_layer_with_k_is_the_papers_formula_and_its_gradient_autograds() -> None:
    layer = BinaryConv2d(5, 4, 3, stride=2, padding=1, kmap=True).double()
    x = torch.randn(2, 5, 8, 8, dtype=torch.float64, requires_grad=True)
    signs, alpha = (x.detach() >= 0).double() * 2 - 1, layer.weight.detach().abs().mean((1, 2, 3))
    sums = F.conv2d(signs, (layer.weight.detach() >= 0).double() * 2 - 1, stride=2, padding=1)
    box = torch.full((1, 1, 3, 3), 1 / 9, dtype=torch.float64)
    factor = F.conv2d(x.abs().mean(1, keepdim=True), box, stride=2, padding=1)
    torch.testing.assert_close(layer(x), sums * factor * alpha.view(-1, 1, 1))
    through_signs, through_factor = torch.autograd.grad(layer(x).sum(), x)[0], torch.autograd.grad(
        (sums * factor * alpha.view(-1, 1, 1)).sum(), x)[0]  # fmt: skip
    weight = ((layer.weight.detach() >= 0).double() * 2 - 1) * alpha.view(-1, 1, 1, 1)
    grad = F.conv_transpose2d(factor.detach().expand(-1, 4, -1, -1), weight, stride=2, padding=1, output_padding=1)
    torch.testing.assert_close(through_signs, grad * (x.abs() <= 1) + through_factor)


@pytest.mark.parametrize("options", [{"pad_value": 1}, {"groups": 2}, {"activation": None}])
def test_k_without_meaning_is_refused(options: dict) -> None:
    with pytest.raises(RangeError, match="kmap"):
        BinaryConv2d(4, 4, 3, kmap=True, **options)
