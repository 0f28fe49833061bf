"""Quantizers after XNOR-Net against the law, float64: values and gradients on random inputs."""

from dataclasses import dataclass

import numpy as np
import pytest
import torch
from test_conformance_quantizers import ACTIVATIONS, WEIGHTS

from xnorkit.nn.quantizers import QUANTIZERS, DorefaGradient, MaxSign
from xnorkit.nn.quantizers.base import Moment
from xnorkit.reference.quantizers import adabin, bireal, irnet, slopes, xnorpp

SHAPES = ((4, 3, 3, 2), (5, 7))


@dataclass(frozen=True)
class Case:
    """A row with options, the law of its value and of its gradient, and what it is told."""

    kind: str
    name: str
    forward: object
    gradient: object
    options: tuple = ()
    progress: float = 0.0

    def __str__(self):
        return f"{self.kind}-{self.name}-{dict(self.options)}-{self.progress}"

    @property
    def row(self):
        return QUANTIZERS[self.kind, self.name](**dict(self.options))


def activation(name, slope, progress=0.0, **options):
    return Case("activation", name, slopes.sign, lambda x, g: g * slope(x), tuple(options.items()), progress)


def weight(name, law, derivative, progress=0.0, **options):
    return Case("weight", name, law.forward, derivative, tuple(options.items()), progress)


def ede_at(progress, t_min=0.1, t_max=10.0):
    return lambda x: slopes.ede(x, slopes.ede_t(progress, t_min, t_max))


CASES = [
    activation("approx-sign", slopes.approx_sign),
    activation("window", lambda x: slopes.triangle(x, 1.0)),
    activation("window", lambda x: slopes.triangle(x, 1.5), clip=1.5),
    activation("window", lambda x: slopes.leaky(x, 1.0, 0.1), shape="leaky"),
    activation("window", lambda x: slopes.tanh(x, 0.7), shape="tanh", clip=0.7),
    *(activation("ede", ede_at(p), p) for p in (0.0, 0.3, 0.5, 1.0)),
    activation("ede", ede_at(0.25, 1e-3, 10.0), 0.25, t_min=1e-3),
    activation("swish-sign", lambda x: slopes.swish_sign(x, 5.0)),
    activation("swish-sign", lambda x: slopes.swish_sign(x, 2.0), beta=2.0),
    activation("rsign", slopes.approx_sign),
    weight("bi-real", bireal, bireal.gradient),
    weight("bi-real", bireal, lambda w, g: bireal.gradient(w, g, "code"), gradient="code"),
    weight("ir-net", irnet, lambda w, g: irnet.gradient(w, g, 0.1)),
    weight("ir-net", irnet, lambda w, g: irnet.gradient(w, g, slopes.ede_t(0.7, 0.1, 10.0)), 0.7),
    weight("adabin", adabin, lambda w, g: adabin.gradient(w, g, 0.1)),
    weight("adabin", adabin, lambda w, g: adabin.gradient(w, g, slopes.ede_t(0.7, 0.1, 10.0)), 0.7),
    weight("swish-sign", bireal, lambda w, g: bireal.swish_gradient(w, g, 5.0)),
]  # fmt: skip


def real_weight(quantizer, tensor, moment=None):
    values, scale = quantizer(tensor, moment or Moment())
    return values * scale.view((-1,) + (1,) * (tensor.ndim - 1))


def draws(shape, seed=0):
    rng = np.random.default_rng(seed)
    return rng.standard_normal(shape), rng.standard_normal(shape)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_row_is_its_law(case, shape):
    x, g = draws(shape)
    tensor = torch.tensor(x, requires_grad=True)
    moment = Moment(progress=torch.tensor(case.progress, dtype=torch.float64))
    y = real_weight(case.row, tensor, moment) if case.kind == "weight" else case.row(tensor, moment)
    (y * torch.tensor(g)).sum().backward()
    np.testing.assert_allclose(y.detach().numpy(), case.forward(x), rtol=1e-12)
    np.testing.assert_allclose(tensor.grad.numpy(), case.gradient(x, g), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_a_learned_threshold_is_its_law(shape):
    x, g = draws(shape)
    threshold = np.linspace(-0.5, 0.5, shape[1])
    tensor, t = (torch.tensor(a, requires_grad=True) for a in (x, threshold))
    moment = Moment(learned={"threshold": t})
    row = QUANTIZERS["activation", "rsign"]()
    y = row(tensor, moment)
    (y * torch.tensor(g)).sum().backward()
    dx, dt = bireal.rsign_gradient(x, threshold, g)
    assert y.tolist() == bireal.rsign(x, threshold).tolist()
    assert row.operand(tensor, moment).ge(0).mul(2).sub(1).tolist() == y.tolist()
    np.testing.assert_allclose(tensor.grad, dx, rtol=1e-12)
    np.testing.assert_allclose(t.grad, dt, rtol=1e-9)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_a_learned_scale_is_its_law(shape):
    x, g = draws(shape)
    scale = np.linspace(-0.5, 2.0, shape[0])
    tensor, s = (torch.tensor(a, requires_grad=True) for a in (x, scale))
    y = real_weight(QUANTIZERS["weight", "xnor++"](), tensor, Moment(learned={"scale": s}))
    (y * torch.tensor(g)).sum().backward()
    dw, ds = xnorpp.gradient(x, scale, g)
    assert y.tolist() == xnorpp.forward(x, scale).tolist()
    np.testing.assert_allclose(tensor.grad, dw, rtol=1e-12)
    np.testing.assert_allclose(s.grad, ds, rtol=1e-9)


@pytest.mark.parametrize(("alpha", "beta", "progress"), [(1.0, 0.0, 0.0), (0.5, 0.25, 0.6), (-0.7, -0.2, 1.0)])
def test_two_learned_values_are_their_law(alpha, beta, progress):
    x, g = draws((3, 4, 5))
    tensor, a, b = (torch.tensor(v, requires_grad=True, dtype=torch.float64) for v in (x, alpha, beta))
    share = torch.tensor(progress, dtype=torch.float64)
    y = QUANTIZERS["activation", "adabin"]()(tensor, Moment(progress=share, learned={"alpha": a, "beta": b}))
    (y * torch.tensor(g)).sum().backward()
    dx, da, db = adabin.activation_gradient(x, g, alpha, beta, slopes.ede_t(progress, 0.1, 10.0))
    np.testing.assert_allclose(y.detach(), adabin.activation(x, alpha, beta), rtol=1e-12)
    np.testing.assert_allclose(tensor.grad, dx, rtol=1e-8, atol=1e-12)
    np.testing.assert_allclose([a.grad, b.grad], [da, db], rtol=1e-9)


@pytest.mark.parametrize("name", ["ir-net", "adabin", "bi-real", "xnor++", "swish-sign"])
@pytest.mark.parametrize("constant", [0.0, 0.75])
def test_a_constant_filter_has_a_finite_value_and_gradient(name, constant):
    tensor = torch.full((2, 3), constant, dtype=torch.float64, requires_grad=True)
    y = real_weight(QUANTIZERS["weight", name](), tensor)
    y.sum().backward()
    assert y.isfinite().all() and tensor.grad.isfinite().all()
    if name == "ir-net":
        assert y.tolist() == irnet.forward(tensor.detach().numpy()).tolist() == [[0.0] * 3] * 2


def test_the_slope_follows_the_training_from_wide_to_narrow():
    """EDE's limits: at first nearly the identity where inputs are small, at last close to nothing away from 0."""
    x = np.linspace(-1, 1, 41)
    np.testing.assert_allclose(slopes.ede(x, 1e-3), 1, atol=1e-5)
    far = np.abs(x) >= 0.5
    assert slopes.ede(x, 10.0)[far].max() < 2e-3 and slopes.ede(x, 10.0)[20] == 10.0
    tensor = torch.tensor(x, requires_grad=True)
    QUANTIZERS["activation", "ede"](t_min=1e-3)(tensor, Moment(progress=0.0)).sum().backward()
    np.testing.assert_allclose(tensor.grad, 1, atol=1e-5)


def test_every_quantizer_is_compared():
    """A row of the table without a case here or in ``test_conformance_quantizers`` is a method nobody checked."""
    cases = {type(c.row) for c in CASES} | {type(c.quantizer) for c in (*WEIGHTS, *ACTIVATIONS)}
    of_their_own = {QUANTIZERS[key] for key in (("weight", "xnor++"), ("activation", "adabin"))}
    gradients = {row for (kind, _), row in QUANTIZERS.items() if kind == "gradient"}
    assert gradients == {DorefaGradient, MaxSign}
    assert cases | of_their_own | gradients == set(QUANTIZERS.values())
