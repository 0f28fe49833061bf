"""Binary layers with real weights: the first stage of two, where only the activations are signs."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from xnorkit.errors import RangeError
from xnorkit.models import create_model
from xnorkit.nn import BinaryConv2d, BinaryLinear
from xnorkit.nn.functional import sign_values
from xnorkit.nn.quantizers import RealWeight


@pytest.mark.parametrize("pad_value", [0, 1, -1])
@pytest.mark.parametrize("bias", [False, True])
def test_a_convolution_is_that_of_signs_with_the_weights_as_they_are(pad_value: int, bias: bool) -> None:
    torch.manual_seed(0)
    layer = BinaryConv2d(4, 6, 3, padding=(1, 2), stride=2, groups=2, bias=bias, pad_value=pad_value, weight="real")
    x = torch.randn(2, 4, 7, 9, requires_grad=True)
    want = F.conv2d(F.pad(sign_values(x), (2, 2, 1, 1), value=float(pad_value)), layer.weight, layer.bias, 2, groups=2)
    assert torch.equal(layer(x), want)
    layer(x).square().sum().backward()
    (by_weight,) = torch.autograd.grad(want.square().sum(), layer.weight)
    torch.testing.assert_close(layer.weight.grad, by_weight)
    assert x.grad is not None and bool((x.grad[x.abs() > 1] == 0).all()) and bool(x.grad.any())


def test_a_dense_layer_and_k() -> None:
    torch.manual_seed(0)
    dense, x = BinaryLinear(5, 3, weight=RealWeight(), bias=True), torch.randn(4, 5)
    assert torch.equal(dense(x), F.linear(sign_values(x), dense.weight, dense.bias))
    conv, image = BinaryConv2d(2, 3, 3, padding=1, weight="real", kmap=True), torch.randn(1, 2, 4, 4)
    k = F.avg_pool2d(image.abs().mean(1, keepdim=True), 3, 1, 1)
    torch.testing.assert_close(conv(image), F.conv2d(sign_values(image), conv.weight, padding=1) * k)


def test_weights_between_one_bit_and_real_are_refused() -> None:
    with pytest.raises(RangeError, match="expected a one-bit quantizer, or real weights"):
        BinaryLinear(5, 3, weight="twn")


def test_the_stages_of_a_net_have_the_same_parameters() -> None:
    """So that the second stage can begin with the first one's tensors."""
    options = {"stages": [[8], [16, 16]], "input_size": 8}
    first, second = (create_model("vgg_small", m, **options) for m in ("reactnet[weight=real]", "reactnet"))
    shapes = [{name: t.shape for name, t in model.state_dict().items()} for model in (first, second)]
    assert shapes[0] == shapes[1]
    assert {type(m) for m in first.modules()} == {type(m) for m in second.modules()}
