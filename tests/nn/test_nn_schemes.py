"""Schemes: names and options become quantizers, layers carry them, every net of a scheme learns."""

import pytest
import torch

import xnorkit
from xnorkit.errors import RangeError
from xnorkit.nn import SCHEMES, BinaryActivation, FewBitConv2d, FewBitLinear, clip_weights_, find_scheme
from xnorkit.nn.layers.state import quantized_modules
from xnorkit.nn.quantizers import DorefaActivation, DorefaGradient, MaxSign, Twn, XnorK

STAGES = [[8], [8, 16]]


def net(scheme, **options):
    torch.manual_seed(0)
    return xnorkit.create_model("vgg_small", method=scheme, input_size=8, stages=STAGES, **options)


def pixels(n=6, channels=1):
    return torch.randint(0, 256, (n, channels, 8, 8), generator=torch.Generator().manual_seed(1)).float()


@pytest.mark.parametrize("name", SCHEMES)
def test_a_net_of_every_scheme_learns(name):
    model = net(name)
    before = [p.detach().clone() for p in model.parameters()]
    optimizer = torch.optim.SGD(model.parameters(), 0.5)
    for _ in range(2):
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(model(pixels()), torch.arange(6)).backward()
        optimizer.step()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())
    moved = sum(bool((p != b).any()) for p, b in zip(model.parameters(), before, strict=True))
    assert moved == len(before)


@pytest.mark.parametrize("spec", ["xnor[gradient=max-sign]", "dorefa[gradient=dorefa, gradient.bits=4]"])
def test_gradients_of_hidden_layers_are_quantized(spec):
    scheme = find_scheme(spec)
    model = net(scheme)
    carriers = [m for m in quantized_modules(model) if m.gradient_quantizer is not None]
    hidden = [b.conv for b in model.blocks]
    assert carriers == hidden and all(m.gradient_quantizer == scheme.gradient for m in hidden)
    seen = []
    for layer in hidden:
        layer.register_full_backward_hook(lambda m, gi, go: seen.append((m.gradient_quantizer, go[0])))
    model(pixels()).square().sum().backward()
    assert len(seen) == len(hidden)


def test_what_flows_back_into_a_layer_is_quantized():
    layer = FewBitLinear(5, 3, weight="sign", bias=True, gradient="max-sign")
    y = layer(torch.randn(2, 5))
    y.backward(torch.tensor([[1.0, -4.0, 0.0], [0.5, 0.25, -0.125]]))
    assert layer.bias.grad.tolist() == [4.5, -3.5, -0.5]


def test_options_reach_quantizers_by_name_and_by_part():
    scheme = find_scheme("dorefa[weight=twn, weight.per=filter, activation=xnor-k, activation.bits=3, gradient=dorefa]")
    assert scheme.weight == Twn(per="filter") and scheme.activation == XnorK(3) and scheme.gradient == DorefaGradient()
    assert find_scheme("xnor[gradient=max-sign, gradient.zeros=plus]").gradient == MaxSign("plus")
    for wrong in ("dorefa[weight=int3]", "dorefa[gradient=sign]", "dorefa[gradient.bits=3]", "qnn[weight.bits=1]"):
        with pytest.raises(RangeError):
            find_scheme(wrong)


def test_a_binary_weight_net_reads_pixels_or_floats_as_its_scheme_says():
    assert isinstance(net("binaryconnect").stem, FewBitConv2d) and type(net("bwn").stem) is torch.nn.Conv2d
    assert [m.weight_quantizer.name for m in quantized_modules(net("qnn"))] == ["sign"] * 4


def test_clip_reaches_few_bit_layers():
    layer = FewBitConv2d(2, 3, 1, weight="sign")
    layer.weight.data.fill_(3)
    assert clip_weights_(layer) == 1 and bool((layer.weight == 1).all())


def test_a_standing_code_quantizer_gives_real_numbers():
    x = torch.tensor([[-1.0, 0.4, 0.7, 3.0]], requires_grad=True)
    y = BinaryActivation(DorefaActivation(2))(x)
    torch.testing.assert_close(y, torch.tensor([[0, 1 / 3, 2 / 3, 1]]))
    y.sum().backward()
    assert x.grad.tolist() == [[0, 1, 1, 0]]
    assert BinaryActivation(XnorK(1))(torch.tensor([[-0.1, 0.0]])).tolist() == [[-1, 1]]


def test_real_evaluation_is_an_explicit_choice():
    layer = FewBitLinear(4, 2, weight=find_scheme("binaryconnect[weight.evaluate=real]").weight)
    x = torch.randn(3, 4)
    trained, evaluated = layer.train()(x), layer.eval()(x)
    torch.testing.assert_close(trained, x @ torch.where(layer.weight < 0, -1.0, 1.0).T)
    torch.testing.assert_close(evaluated, x @ layer.weight.T)
