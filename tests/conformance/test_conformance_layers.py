"""Torch layers of ``xnorkit.nn`` learn by the reference's gradients, in float64 where the reference states them."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from xnorkit.nn import BinaryConv2d, BinaryLinear, Int8Conv2d, Int8Linear
from xnorkit.nn.quantizers.bnn import SignWeight
from xnorkit.nn.quantizers.int8 import Int8
from xnorkit.nn.quantizers.ste import Sign
from xnorkit.nn.quantizers.xnor import Xnor
from xnorkit.reference import scaling
from xnorkit.reference.conventions import sign
from xnorkit.reference.gradients import linear, pointwise
from xnorkit.reference.gradients.table import GRADIENTS
from xnorkit.reference.ops import OPS

SEEDS = range(40)


def draw(seed: int) -> tuple[np.random.Generator, np.ndarray]:
    """Weights ``(O, C, kH, kW)`` with zeros and edges of the window among them."""
    rng = np.random.default_rng(seed)
    w = rng.standard_normal(tuple(int(n) for n in rng.integers(1, 6, 4)))
    w[rng.random(w.shape) < 0.1] = rng.choice([0.0, 1.0, -1.0])
    return rng, w


@pytest.mark.parametrize("form", ["exact", "paper"])
@pytest.mark.parametrize("clip", [1.0, 0.5, None])
def test_xnor_weights(form: str, clip: float | None) -> None:
    for seed in SEEDS:
        rng, w = draw(seed)
        if seed == 0:
            w[0] = 0
        g = rng.standard_normal(w.shape)
        leaf = torch.tensor(w, dtype=torch.float32, requires_grad=True)
        values, alpha = Xnor(gradient=form, clip=clip)(leaf)
        wide = values * alpha.view(-1, 1, 1, 1)
        wide.backward(torch.tensor(g, dtype=torch.float32))
        stored = leaf.detach().numpy()
        np.testing.assert_allclose(wide.detach().numpy(), scaling.binarize(stored), rtol=1e-6, atol=1e-7)
        expected = scaling.gradient(stored, g, form, clip)
        np.testing.assert_allclose(leaf.grad.numpy(), expected, rtol=1e-4, atol=1e-5 * np.abs(g).max())


@pytest.mark.parametrize(("clip", "strict"), [(1.0, False), (1.0, True), (1.25, False), (None, False)])
def test_sign_and_its_window(clip: float | None, strict: bool) -> None:
    for seed in SEEDS:
        rng, x = draw(seed)
        g = rng.standard_normal(x.shape)
        leaf = torch.tensor(x, requires_grad=True)
        y = Sign(clip=clip, strict=strict)(leaf)
        y.backward(torch.from_numpy(g))
        np.testing.assert_array_equal(y.detach().numpy(), sign(x))
        np.testing.assert_array_equal(leaf.grad.numpy(), pointwise.sign(x, g, clip, strict=strict))


@pytest.mark.parametrize("quantizer", ["xnor", "sign"])
@pytest.mark.parametrize("pad_value", [0, 1, -1])
def test_a_binary_convolution_is_its_parts(quantizer: str, pad_value: int) -> None:
    """dC/dx and dC/dW of the whole layer: back through the scale, the convolution, the signs."""
    for seed in SEEDS:
        rng = np.random.default_rng(seed)
        groups = int(rng.integers(1, 3))
        channels, out = groups * int(rng.integers(1, 4)), groups * int(rng.integers(1, 4))
        kernel, stride, pad = (int(n) for n in rng.integers((1, 1, 0), (4, 3, 2)))
        layer = BinaryConv2d(channels, out, kernel, stride=stride, padding=pad, groups=groups, bias=False,
                             weight=quantizer, pad_value=pad_value)  # fmt: skip
        x = rng.standard_normal((2, channels, 6, 6)).astype(np.float32)
        leaf = torch.tensor(x, requires_grad=True)
        y = layer(leaf)
        g = rng.standard_normal(tuple(y.shape)).astype(np.float32)
        y.backward(torch.from_numpy(g))
        w = layer.weight.detach().numpy()
        alpha = scaling.alpha(w) if quantizer == "xnor" else np.ones(out)
        scaled = g.transpose(0, 2, 3, 1) * alpha
        nhwc, filters = sign(x).transpose(0, 2, 3, 1), sign(w).transpose(0, 2, 3, 1)
        how = {"stride": (stride,) * 2, "padding": (pad,) * 4, "groups": groups, "pad_value": pad_value}
        dx, dw = linear.conv2d(nhwc, filters, scaled, **how)
        expected = pointwise.sign(x, dx.transpose(0, 3, 1, 2))
        np.testing.assert_allclose(leaf.grad.numpy(), expected, rtol=1e-4, atol=1e-4)
        if quantizer == "xnor":
            _, wide = linear.conv2d(nhwc, filters, g.transpose(0, 2, 3, 1), **how)  # dC/dW~
            expected = scaling.gradient(w, wide.transpose(0, 3, 1, 2))
        else:
            expected = pointwise.sign(w, dw.transpose(0, 3, 1, 2), SignWeight().clip)
        np.testing.assert_allclose(layer.weight.grad.numpy(), expected, rtol=1e-4, atol=1e-4)


def test_a_layer_with_k_is_its_ops() -> None:
    """y = acc K alpha: the rows of ``scale_map``, ``bconv2d`` and ``kmap`` in a row; x learns by both ways."""
    for seed in SEEDS:
        rng = np.random.default_rng(seed)
        channels, out = (int(n) for n in rng.integers(1, 6, 2))
        kernel, stride, pad, dilation = (int(n) for n in rng.integers((1, 1, 0, 1), (4, 3, 2, 3)))
        layer = BinaryConv2d(channels, out, kernel, stride, pad, dilation, bias=True, kmap=True)
        x = rng.standard_normal((2, channels, 6, 6)).astype(np.float32)
        leaf = torch.tensor(x, requires_grad=True)
        y = layer(leaf)
        g = rng.standard_normal(tuple(y.shape))
        y.backward(torch.from_numpy(g.astype(np.float32)))

        w, nhwc, g = layer.weight.detach().numpy(), x.transpose(0, 2, 3, 1), g.transpose(0, 2, 3, 1)
        given = {"kernel": (kernel,) * 2, "stride": (stride,) * 2, "padding": (pad,) * 4, "dilation": (dilation,) * 2}
        attrs = OPS["bconv2d"].complete(given | {"out_channels": out})
        signs, filters = sign(nhwc), {"weight": sign(w).transpose(0, 2, 3, 1)}
        acc, k = OPS["bconv2d"].run([signs], attrs, filters), OPS["kmap"].run([nhwc], given, {})
        (to_acc, to_k), _ = GRADIENTS["scale_map"]((acc, k), {}, {}, g * scaling.alpha(w))
        (to_signs,), _ = GRADIENTS["bconv2d"]((signs,), attrs, filters, to_acc)
        (through_k,), _ = GRADIENTS["kmap"]((nhwc,), given, {}, to_k)
        expected = pointwise.sign(nhwc, to_signs) + through_k
        np.testing.assert_allclose(leaf.grad.numpy(), expected.transpose(0, 3, 1, 2), rtol=1e-4, atol=1e-4)
        _, wide = GRADIENTS["bconv2d"]((signs,), attrs, filters, g * k)  # dC/dW~
        expected = scaling.gradient(w, wide["weight"].transpose(0, 3, 1, 2))
        np.testing.assert_allclose(layer.weight.grad.numpy(), expected, rtol=1e-4, atol=1e-4)
        np.testing.assert_allclose(layer.bias.grad.numpy(), linear.bias(g), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("form", ["exact", "paper", "sign"])
def test_a_binary_matrix_product_is_its_parts(form: str) -> None:
    quantizer = SignWeight(clip=0.2) if form == "sign" else Xnor(gradient=form)
    for seed in SEEDS:
        rng = np.random.default_rng(seed)
        n, features, out = (int(n) for n in rng.integers(1, 40, 3))
        layer = BinaryLinear(features, out, bias=True, weight=quantizer, activation=Sign(clip=0.5))
        x, g = (rng.standard_normal((n, m)).astype(np.float32) for m in (features, out))
        leaf = torch.tensor(x, requires_grad=True)
        layer(leaf).backward(torch.from_numpy(g))
        w = layer.weight.detach().numpy()
        alpha = np.ones(out) if form == "sign" else scaling.alpha(w)
        deep = g[:, None, None].astype(np.float64)
        dx, dw = linear.dense(sign(x)[:, None, None], sign(w), deep * alpha)
        np.testing.assert_allclose(leaf.grad.numpy(), pointwise.sign(x, dx[:, 0, 0], 0.5), rtol=1e-4, atol=1e-4)
        if form == "sign":
            expected = pointwise.sign(w, dw, 0.2)
        else:
            expected = scaling.gradient(w, linear.dense(sign(x)[:, None, None], sign(w), deep)[1], form)
        np.testing.assert_allclose(layer.weight.grad.numpy(), expected, rtol=1e-4, atol=1e-4)
        np.testing.assert_allclose(layer.bias.grad.numpy(), linear.bias(deep), rtol=1e-4, atol=1e-4)


def test_int8_layers_learn_straight_through() -> None:
    """W~ = s q stands for W itself: dC/dW = dC/dW~, and x sees the weights that are packed."""
    for seed in SEEDS:
        rng = np.random.default_rng(seed)
        channels, out, kernel = (int(n) for n in rng.integers(1, 5, 3))
        layer = Int8Conv2d(channels, out, kernel, padding=1, bias=True)
        x = rng.integers(0, 256, (2, channels, 6, 6)).astype(np.float32)
        y = layer(torch.from_numpy(x))
        g = rng.standard_normal(tuple(y.shape)).astype(np.float32)
        y.backward(torch.from_numpy(g))
        deep = g.transpose(0, 2, 3, 1) / 255.0
        w = layer.weight.detach().numpy().transpose(0, 2, 3, 1)
        _, dw = linear.conv2d(x.transpose(0, 2, 3, 1), w, deep, padding=(1, 1, 1, 1))
        np.testing.assert_allclose(layer.weight.grad.numpy(), dw.transpose(0, 3, 1, 2), rtol=1e-3, atol=1e-4)
        np.testing.assert_allclose(layer.bias.grad.numpy(), linear.bias(deep * 255), rtol=1e-4, atol=1e-4)

        features = int(rng.integers(1, 30))
        dense = Int8Linear(features, out, activation="sign")
        x, g = (rng.standard_normal((3, m)).astype(np.float32) for m in (features, out))
        leaf = torch.tensor(x, requires_grad=True)
        dense(leaf).backward(torch.from_numpy(g))
        values, scale = (t.detach().numpy() for t in Int8()(dense.weight))
        dx, dw = linear.dense(sign(x)[:, None, None], values * scale[:, None], g[:, None, None])
        np.testing.assert_allclose(leaf.grad.numpy(), pointwise.sign(x, dx[:, 0, 0]), rtol=1e-4, atol=1e-4)
        np.testing.assert_allclose(dense.weight.grad.numpy(), dw, rtol=1e-4, atol=1e-4)
