"""Shift-based batch norm: training, backward, running statistics and inference against ``reference.shift_norm``."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from torch import nn

from xnorkit.errors import RangeError, ShapeError
from xnorkit.models import create_model
from xnorkit.nn import SCHEMES, ShiftBatchNorm1d, ShiftBatchNorm2d
from xnorkit.reference import shift_norm as law
from xnorkit.train.batch_norm import recalibrate
from xnorkit.train.batches import Pictures

CASES = [(ShiftBatchNorm2d, (5, 3, 4, 2)), (ShiftBatchNorm1d, (9, 4)), (ShiftBatchNorm1d, (4, 3, 5))]


def last(x: torch.Tensor) -> np.ndarray:
    """(N, C, ...) -> (N, H, W, C), as the law has it."""
    array = x.detach().numpy()
    array = array.reshape(*array.shape, *[1] * (4 - array.ndim))
    return np.moveaxis(array, 1, -1)


def made(kind: type, channels: int, form: str, seed: int) -> nn.Module:
    """A layer in float64 whose scales are of both signs and many sizes, one of them 0."""
    norm = kind(channels, form=form).double()
    rng = np.random.default_rng(seed)
    with torch.no_grad():
        norm.weight.copy_(torch.from_numpy(rng.normal(size=channels) * 4.0 ** rng.integers(-2, 3, channels)))
        norm.weight[seed % channels] = 0
        norm.bias.copy_(torch.from_numpy(rng.normal(size=channels)))
    return norm


@pytest.mark.parametrize("form", law.FORMS)
@pytest.mark.parametrize(("kind", "shape"), CASES)
@pytest.mark.parametrize("seed", range(4))
def test_training_is_the_law(kind: type, shape: tuple[int, ...], form: str, seed: int) -> None:
    norm, rng = made(kind, shape[1], form, seed), np.random.default_rng(100 + seed)
    mean, istd = np.zeros(shape[1]), np.ones(shape[1])
    gamma, beta = norm.weight.detach().numpy(), norm.bias.detach().numpy()
    for _ in range(3):
        x = torch.from_numpy(rng.normal(size=shape) * 10.0 ** rng.integers(-3, 3) + 2).requires_grad_()
        g = torch.from_numpy(rng.normal(size=shape))
        norm.zero_grad()
        y = norm(x)
        (y * g).sum().backward()
        expected, mean, istd = law.train(last(x), mean, istd, gamma, beta, 1e-5, 0.125)
        np.testing.assert_allclose(last(y), expected, rtol=1e-12, atol=1e-12)
        dx, dgamma, dbeta = law.backward(last(x), gamma, 1e-5, last(g), form)
        np.testing.assert_allclose(last(x.grad), dx, rtol=1e-10, atol=1e-12)
        np.testing.assert_allclose(norm.weight.grad, dgamma, rtol=1e-10, atol=1e-12)
        np.testing.assert_allclose(norm.bias.grad, dbeta, rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(norm.running_mean, mean, rtol=1e-12)
    np.testing.assert_allclose(norm.running_istd, istd, rtol=1e-12)
    x = torch.from_numpy(rng.normal(size=shape))
    found = norm.eval()(x)
    np.testing.assert_allclose(last(found), law.infer(last(x), mean, istd, gamma, beta), rtol=1e-12, atol=1e-12)


def test_forms_share_the_forward_and_differ_in_the_gradient() -> None:
    x = torch.randn(6, 3, 4, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    grads = []
    for form in law.FORMS:
        norm, leaf = made(ShiftBatchNorm2d, 3, form, 1), x.clone().requires_grad_()
        y = norm(leaf)
        y.square().sum().backward()
        grads.append(leaf.grad)
        assert torch.equal(y, made(ShiftBatchNorm2d, 3, "lua", 1)(x))
    assert not torch.allclose(*grads)


def test_products_are_shifts() -> None:
    """Scaling the input by a power of two moves nothing but exponents; so does any scale of the same AP2."""
    torch.manual_seed(0)
    norm, x = ShiftBatchNorm2d(4, eps=1e-30), torch.randn(8, 4, 5, 5)
    assert torch.equal(norm(x), norm(x * 2.0**7))
    one = norm(x)
    with torch.no_grad():
        norm.weight.fill_(1.4142)
    assert torch.equal(norm(x), one)
    with torch.no_grad():
        norm.weight.fill_(-1.5)
    assert torch.equal(norm(x), one * -2)


def test_it_stays_near_batch_norm() -> None:
    """Each power of two is within sqrt(2) of what it stands for: the deviation of y is within a factor 2 of 1."""
    torch.manual_seed(1)
    for scale in (0.01, 1.0, 300.0):
        y = ShiftBatchNorm2d(16)(torch.randn(64, 16, 3, 3) * scale + 5)
        assert y.mean((0, 2, 3)).abs().max() < 2e-3
        assert y.std((0, 2, 3)).min() > 0.5 and y.std((0, 2, 3)).max() < 2


def test_no_momentum_averages_all_batches_and_recalibration_takes_them_anew() -> None:
    torch.manual_seed(2)
    norm = ShiftBatchNorm2d(2, momentum=None).double()
    batches = [torch.randn(6, 2, 3, 3, dtype=torch.float64) * (i + 1) for i in range(3)]
    found = [law.train(last(x), *np.zeros((2, 2)), np.ones(2), np.zeros(2), 1e-5, 1.0)[1:] for x in batches]
    for x in batches:
        norm(x)
    np.testing.assert_allclose(norm.running_mean, np.mean([mean for mean, _ in found], 0), rtol=1e-10)
    np.testing.assert_allclose(norm.running_istd, np.mean([istd for _, istd in found], 0), rtol=1e-10)

    model = nn.Sequential(ShiftBatchNorm2d(1))
    images = torch.randint(0, 256, (20, 1, 4, 4), dtype=torch.uint8)
    with torch.no_grad():
        model[0].running_mean.fill_(1e6)
    recalibrate(model, Pictures(images, torch.zeros(20, dtype=torch.long)), 20, 20)
    _, mean, istd = law.train(last(images.double()), *np.zeros((2, 1)), np.ones(1), np.zeros(1), 1e-5, 1.0)
    assert model[0].running_mean.numpy() == pytest.approx(mean, rel=1e-6)
    assert model[0].running_istd.numpy() == pytest.approx(istd, rel=1e-6)
    assert model[0].momentum == 0.125 and not model[0].training


def test_state_survives_saving_and_copying() -> None:
    torch.manual_seed(3)
    norm = ShiftBatchNorm1d(3)
    norm(torch.randn(8, 3) * 4)
    other = ShiftBatchNorm1d(3)
    other.load_state_dict(norm.state_dict())
    x = torch.randn(4, 3)
    assert torch.equal(norm.eval()(x), other.eval()(x)) and torch.equal(copy.deepcopy(norm)(x), norm(x))


def test_refusals() -> None:
    with pytest.raises(RangeError, match="form"):
        ShiftBatchNorm2d(3, form="theano")
    with pytest.raises(RangeError, match="eps"):
        ShiftBatchNorm2d(3, eps=0.0)
    with pytest.raises(ShapeError, match="input"):
        ShiftBatchNorm2d(3)(torch.zeros(2, 3))
    with pytest.raises(ShapeError, match="values per channel"):
        ShiftBatchNorm1d(3)(torch.zeros(1, 3))
    with pytest.raises(RangeError, match="form"):
        law.backward(np.zeros((2, 1, 1, 1)), np.ones(1), 1e-5, np.zeros((2, 1, 1, 1)), "theano")


@pytest.mark.parametrize("model", ["lenet5", "lenet_300_100", "binarynet_small", "vgg_small"])
def test_a_scheme_with_it_has_no_other_norm(model: str) -> None:
    assert SCHEMES["bnn-shift"].norm == "shift"
    options = {"stages": [[16], [16, 16]], "input_size": 16} if model == "vgg_small" else {}
    kinds = {type(m).__name__ for m in create_model(model, method="bnn-shift", **options).modules()}
    assert kinds & {"ShiftBatchNorm1d", "ShiftBatchNorm2d"} and not kinds & {"BatchNorm1d", "BatchNorm2d"}
