"""Quantizers: values, scales and gradients against hand formulas."""

import numpy as np
import pytest
import torch

from xnorkit.errors import DTypeError, RangeError
from xnorkit.nn import QUANTIZERS, BinaryLinear, Int8, Sign, SignWeight, StochasticSign, Xnor
from xnorkit.nn.functional import sign_values
from xnorkit.nn.quantizers import activation_quantizer, weight_quantizer
from xnorkit.nn.quantizers.base import Moment
from xnorkit.reference import conventions

DTYPES = (torch.float32, torch.float64)


def weight_gradient(quantizer, weight, g):
    """dC/dW for C = sum(g * W~), W~ = values * scale, plus the reconstruction W~."""
    weight = weight.clone().requires_grad_()
    values, scale = quantizer(weight)
    real = values * scale.view((-1,) + (1,) * (weight.ndim - 1))
    (real * g).sum().backward()
    return weight.grad, real.detach()


def test_sign_agrees_with_the_law_on_every_special_value():
    x = torch.tensor([-np.inf, -1.0, -1e-45, -0.0, 0.0, 1e-45, 1.0, np.inf, np.nan])
    assert sign_values(x).tolist() == conventions.sign(x.numpy()).tolist()
    assert torch.ops.xnorkit.sign(x).tolist() == conventions.sign(x.numpy()).tolist()


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    ("options", "passes"),
    [
        ({}, [0, 1, 1, 1, 1, 0]),
        ({"strict": True}, [0, 0, 1, 1, 0, 0]),
        ({"clip": 1.25}, [0, 1, 1, 1, 1, 1]),
        ({"clip": None}, [1, 1, 1, 1, 1, 1]),
    ],
)
def test_straight_through_window(options, passes, dtype):
    x = torch.tensor([-1.5, -1.0, 0.0, 0.5, 1.0, 1.25], dtype=dtype, requires_grad=True)
    g = torch.tensor([1.0, -2.0, 3.0, 4.0, 5.0, 6.0], dtype=dtype)
    y = Sign(**options)(x)
    assert y.dtype == dtype and y.tolist() == [-1, -1, 1, 1, 1, 1]
    (y * g).sum().backward()
    assert x.grad.tolist() == (g * torch.tensor(passes)).tolist()


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    ("gradient", "expected"), [("exact", [1.4166667, 0.8333333, 0.6666667]), ("paper", [1.0833333, 2.1666667, 1.0])]
)
def test_xnor_gradient_vector_of_the_literature(gradient, expected, dtype):
    weight = torch.tensor([[0.5, -0.25, 1.5]], dtype=dtype)
    grad, real = weight_gradient(Xnor(gradient=gradient), weight, torch.tensor([[1.0, 2.0, 3.0]], dtype=dtype))
    torch.testing.assert_close(grad, torch.tensor([expected], dtype=dtype), atol=1e-6, rtol=0)
    assert real.tolist() == [[0.75, -0.75, 0.75]]


@pytest.mark.parametrize("shape", [(4, 3, 3, 2), (5, 7)])
@pytest.mark.parametrize("clip", [1.0, None])
def test_xnor_gradients_equal_the_hand_formulas(shape, clip):
    generator = torch.Generator().manual_seed(1)
    weight, g = (torch.randn(shape, generator=generator, dtype=torch.float64) for _ in range(2))
    n = weight[0].numel()
    flat, flat_g = weight.flatten(1), g.flatten(1)
    alpha = flat.abs().mean(1, keepdim=True)
    window = (flat.abs() <= clip).double() if clip else torch.ones_like(flat)
    exact = flat.sign() / n * (flat_g * flat.sign()).sum(1, keepdim=True) + flat_g * alpha * window
    paper = flat_g * (1 / n + alpha * window)
    for name, expected in (("exact", exact), ("paper", paper)):
        grad, real = weight_gradient(Xnor(gradient=name, clip=clip), weight, g)
        torch.testing.assert_close(grad.flatten(1), expected)
        torch.testing.assert_close(real.flatten(1), alpha * flat.sign())


def test_exact_gradient_is_the_derivative_of_the_scale():
    """With the sign held still (|W| > clip closes the window), the exact form is an ordinary derivative."""
    weight = torch.randn(3, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    weight = (weight + 2 * weight.sign()).requires_grad_()
    quantizer = Xnor(gradient="exact")
    assert torch.autograd.gradcheck(lambda w: (lambda v, s: v * s[:, None])(*quantizer(w)), (weight,))


def test_xnor_scale_is_the_least_squares_optimum():
    weight = torch.randn(2, 50, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    values, alpha = Xnor()(weight)
    best = ((weight - values * alpha[:, None]) ** 2).sum(1)
    for factor in (0.99, 1.01):
        assert (((weight - values * alpha[:, None] * factor) ** 2).sum(1) > best).all()


def test_zero_filter_is_finite_in_every_weight_quantizer():
    for (kind, _), row in QUANTIZERS.items():
        if kind == "weight":
            grad, real = weight_gradient(row(), torch.zeros(2, 3), torch.ones(2, 3))
            assert grad.isfinite().all() and real.isfinite().all()
    grad, _ = weight_gradient(Xnor(gradient="paper"), torch.zeros(1, 3), torch.ones(1, 3))
    assert grad.tolist() == [[0, 0, 0]]


def test_sign_weight_has_scale_one_and_identity_gradient():
    weight, g = torch.tensor([[0.0, -3.0, 0.5]]), torch.tensor([[1.0, 2.0, 3.0]])
    grad, real = weight_gradient(SignWeight(), weight, g)
    assert real.tolist() == [[1, -1, 1]] and grad.tolist() == g.tolist()
    grad, _ = weight_gradient(SignWeight(clip=1.0), weight, g)
    assert grad.tolist() == [[1, 0, 3]]


@pytest.mark.parametrize("dtype", DTYPES)
def test_int8_rounds_half_to_even_within_127(dtype):
    weight = torch.tensor([[127.0, 0.5, 1.5, -2.5, -127.0], [0.0, 0.0, 0.0, 0.0, 0.0]], dtype=dtype)
    values, scale = Int8()(weight)
    assert values.tolist() == [[127, 0, 2, -2, -127], [0, 0, 0, 0, 0]] and scale.tolist() == [1, 1]
    weight = torch.randn(20, 11, dtype=dtype, generator=torch.Generator().manual_seed(4))
    values, scale = Int8()(weight)
    assert (values == values.round()).all() and (values.abs().amax(1) == 127).all()
    assert ((values * scale[:, None] - weight).abs() <= scale[:, None] / 2 * (1 + 1e-5)).all()


def test_int8_gradient_is_straight_through():
    weight, g = torch.randn(4, 9), torch.randn(4, 9)
    grad, _ = weight_gradient(Int8(), weight, g)
    torch.testing.assert_close(grad, g)


def test_table_names_every_row_and_documents_it():
    assert {("activation", "sign"), ("weight", "sign"), ("weight", "xnor"), ("weight", "int8")} <= set(QUANTIZERS)
    for (kind, name), row in QUANTIZERS.items():
        assert (row.kind, row.name) == (kind, name)
        for heading in ("forward", "gradient", "source"):
            assert heading in row.__doc__, f"{row.__name__} documents no {heading}"


def test_unknown_or_senseless_quantizers_are_refused():
    for make in (lambda: weight_quantizer("ternary"), lambda: activation_quantizer("xnor"),
                 lambda: weight_quantizer(Sign()),
                 lambda: Xnor(gradient="true"), lambda: Sign(clip=0), lambda: SignWeight(clip=-1.0)):  # fmt: skip
        with pytest.raises(RangeError):
            make()
    with pytest.raises(DTypeError):
        Xnor()(torch.ones(2, 2, dtype=torch.float16))


def test_stochastic_sign_follows_its_probability_and_its_mean_has_the_gradient():
    """BNN, eq. 2: P(+1) = clip((x+1)/2, 0, 1); in evaluation the plain sign."""
    x = torch.tensor([-1.5, -1.0, -0.5, -0.0, 0.0, 0.5, 1.0, 1.5], dtype=torch.float64)
    many = x.repeat(40000, 1).requires_grad_()
    torch.manual_seed(3)
    y = StochasticSign()(many, Moment(training=True))
    assert set(y.unique().tolist()) == {-1.0, 1.0} and y.dtype == x.dtype
    probability = ((x + 1) / 2).clamp(0, 1)
    assert ((y > 0).double().mean(0) - probability).abs().max() < 5 * 0.5 / 40000**0.5
    assert (y[:, probability == 0] == -1).all() and (y[:, probability == 1] == 1).all()
    y.sum().backward()
    assert torch.equal(many.grad, (many.detach().abs() <= 1).double())
    assert StochasticSign()(x).tolist() == Sign()(x).tolist() == [-1, -1, -1, 1, 1, 1, 1, 1]


def test_stochastic_layers_are_still_in_evaluation():
    layer = BinaryLinear(64, 8, activation="stochastic-sign", weight="sign")
    x = torch.randn(3, 64) * 0.3
    assert not torch.equal(layer(x), layer(x))
    layer.eval()
    plain = BinaryLinear(64, 8, activation="sign", weight="sign").eval()
    plain.load_state_dict(layer.state_dict())
    assert torch.equal(layer(x), layer(x)) and torch.equal(layer(x), plain(x))
