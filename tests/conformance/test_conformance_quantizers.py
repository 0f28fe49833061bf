"""Every row of QUANTIZERS against its law in ``reference/quantizers``: float64, random numbers and special ones.

To add a row: its law, then a line in WEIGHTS, ACTIVATIONS or GRADIENTS below.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from xnorkit.nn import QUANTIZERS, Int8, Real, Sign, SignWeight, StochasticSign, Xnor
from xnorkit.nn.quantizers import (
    DorefaActivation,
    DorefaGradient,
    DorefaWeight,
    LinearActivation,
    LinearWeight,
    LogActivation,
    LogWeight,
    MaxSign,
    PixelCodes,
    RealWeight,
    Ttq,
    Twn,
    XnorK,
)
from xnorkit.nn.quantizers.base import ActivationQuantizer, Moment, WeightQuantizer
from xnorkit.reference.quantizers import backward, dorefa, linear, log, sign, ternary, xnor

Array = NDArray[np.float64]
SHAPES = ((4, 3, 3, 2), (5, 7), (1, 1))
SEEDS = range(6)


@dataclass(frozen=True)
class WeightCase:
    """quantizer; forward: W, learned numbers -> W~; gradient: W, g = dC/dW~, learned -> dC/dW and those of the learned.

    learned: name -> value to test with; moment: training and progress.
    """

    quantizer: WeightQuantizer
    forward: Callable[..., Array]
    gradient: Callable[..., Array | tuple[Array, ...]]
    learned: Mapping[str, float] = field(default_factory=dict)
    training: bool = False
    progress: float = 0.0


@dataclass(frozen=True)
class ActivationCase:
    """quantizer; forward: x, learned ``(1, C, 1, 1)`` -> value * unit; gradient: x, g, learned -> dC/dx and theirs."""

    quantizer: ActivationQuantizer
    forward: Callable[..., Array]
    gradient: Callable[..., Array | tuple[Array, ...]]
    learned: Mapping[str, float] = field(default_factory=dict)
    progress: float = 0.0


def _xnor(**options: Any) -> WeightCase:
    form = options.pop("gradient", "exact")
    kept = {k: v for k, v in options.items() if k in ("scale", "centre", "clamp")}
    return WeightCase(Xnor(gradient=form, **options), lambda w: xnor.forward(w, **kept),
                      lambda w, g: xnor.gradient(w, g, form, **{"clip": 1.0, **options}))  # fmt: skip


def _dorefa(bits: int, through_max: bool = True) -> WeightCase:
    return WeightCase(DorefaWeight(bits, through_max), lambda w: dorefa.weight(w, bits),
                      lambda w, g: dorefa.weight_gradient(w, g, bits, through_max))  # fmt: skip


WEIGHTS = [
    WeightCase(SignWeight(), lambda w: sign.sign(w), lambda w, g: g),
    WeightCase(SignWeight(clip=1.0), lambda w: sign.sign(w), lambda w, g: sign.gradient(w, g, 1.0)),
    WeightCase(SignWeight(evaluate="real"), lambda w: w, lambda w, g: g),
    WeightCase(RealWeight(), lambda w: w, lambda w, g: g),
    WeightCase(SignWeight(evaluate="real"), lambda w: sign.sign(w), lambda w, g: g, training=True),
    *(_xnor(gradient=form, scale=scale) for form in ("exact", "paper") for scale in ("filter", "layer", "none")),
    *(_xnor(clip=clip, strict=strict) for clip, strict in ((1.0, True), (0.5, False), (None, False))),
    *(_xnor(gradient=form, centre=True, clamp=clamp) for form in ("exact", "paper") for clamp in (False, True)),
    _xnor(clamp=True, strict=True),
    *(_dorefa(bits) for bits in (1, 2, 3, 4, 7)),
    _dorefa(2, through_max=False),
    *(WeightCase(LinearWeight(bits, step), lambda w, b=bits, s=step: linear.weight(w, b, s), lambda w, g: g)
      for bits in (2, 4, 8) for step in (None, 0.125)),
    *(WeightCase(LogWeight(bits, top), lambda w, b=bits, t=top: log.weight(w, b, t), lambda w, g: g)
      for bits in (2, 3, 4) for top in (None, 0)),
    *(WeightCase(Twn(factor, per), lambda w, f=factor, p=per: ternary.twn(w, f, p), lambda w, g: g)
      for factor in (0.7, 0.75) for per in ("layer", "filter")),
    *(WeightCase(Ttq(t), lambda w, p, n, t=t: ternary.ttq(w, p, n, t),
                 lambda w, g, p, n, t=t: ternary.ttq_gradients(w, g, p, n, t), {"positive": 0.8, "negative": 0.3})
      for t in (0.05, 0.4)),
    WeightCase(Int8(), linear.int8, lambda w, g: g),
]  # fmt: skip

ACTIVATIONS = [
    ActivationCase(Sign(), sign.sign, sign.gradient),
    ActivationCase(Sign(strict=True), sign.sign, lambda x, g: sign.gradient(x, g, 1.0, True)),
    ActivationCase(Sign(clip=None), sign.sign, lambda x, g: g),
    ActivationCase(StochasticSign(), sign.sign, sign.gradient),
    ActivationCase(Real(), lambda x: x, lambda x, g: g),
    ActivationCase(PixelCodes(), lambda x: x / 255, lambda x, g: g / 255),
    *(ActivationCase(DorefaActivation(b), lambda x, b=b: dorefa.activation(x, b), dorefa.activation_gradient)
      for b in (1, 2, 4, 8)),
    *(ActivationCase(LinearActivation(b, s), lambda x, b=b, s=s: linear.activation(x, b, s),
                     lambda x, g, b=b, s=s: linear.activation_gradient(x, g, b, s))
      for b, s in ((1, 0.5), (4, 0.25), (8, 0.3))),
    *(ActivationCase(LogActivation(b, t), lambda x, b=b, t=t: log.activation(x, b, t),
                     lambda x, g, t=t: log.activation_gradient(x, g, t)) for b, t in ((1, 0), (2, 1), (4, 2))),
    *(ActivationCase(XnorK(b), lambda x, b=b: xnor.activation(x, b), xnor.activation_gradient) for b in (1, 2, 3, 8)),
]  # fmt: skip

_SPECIAL = np.array([0.0, -0.0, 1.0, -1.0, 0.5, -0.5, 2.0, -2.0, 1 / 3, 1e-300, 0.25, 0.75])


def numbers(shape: tuple[int, ...], seed: int) -> Array:
    """Normal numbers, or, every third seed, nothing but special ones."""
    rng = np.random.default_rng([seed, *shape])
    return rng.choice(_SPECIAL, shape) if seed % 3 == 2 else rng.standard_normal(shape) * rng.choice([0.1, 1.0])


def leaf(array: Array) -> Tensor:
    return torch.tensor(array, dtype=torch.float64, requires_grad=True)


def equal(got: Any, expected: Any) -> None:
    np.testing.assert_allclose(np.asarray(got), expected, rtol=1e-9, atol=1e-11)


def _named(case: WeightCase | ActivationCase) -> str:
    return f"{case.quantizer}{'-training' if getattr(case, 'training', False) else ''}".replace(" ", "")


@pytest.mark.parametrize("case", WEIGHTS, ids=_named)
def test_weight_quantizer_is_its_law(case: WeightCase) -> None:
    for shape in SHAPES:
        for seed in SEEDS:
            w, g = numbers(shape, seed), np.random.default_rng(seed).standard_normal(shape)
            weight, learned = leaf(w), {name: leaf(np.array(v)) for name, v in case.learned.items()}
            values, scale = case.quantizer(weight, Moment(case.training, case.progress, learned))
            real = values * scale.view((-1,) + (1,) * (w.ndim - 1))
            arrays = [np.array(v) for v in case.learned.values()]
            equal(real.detach(), case.forward(w, *arrays))
            if case.quantizer.width <= 8:
                assert bool((values == values.round()).all()) and float(values.detach().abs().max()) <= 127
            (real * torch.from_numpy(g)).sum().backward()
            law = case.gradient(w, g, *arrays)
            leaves = [weight, *learned.values()]
            for tensor, expected in zip(leaves, law if isinstance(law, tuple) else (law,), strict=True):
                equal(tensor.grad, expected)


@pytest.mark.parametrize("case", ACTIVATIONS, ids=_named)
def test_activation_quantizer_is_its_law(case: ActivationCase) -> None:
    for shape in ((2, 3, 4, 2), (3, 5)):
        for seed in SEEDS:
            a, g = numbers(shape, seed), np.random.default_rng(seed).standard_normal(shape)
            first = (1, shape[1]) + (1,) * (len(shape) - 2)
            parts = {name: np.full(shape[1], v) for name, v in case.learned.items()}
            x, learned = leaf(a), {name: leaf(v) for name, v in parts.items()}
            values = case.quantizer(x, Moment(False, case.progress, learned))
            arrays = [v.reshape(first) for v in parts.values()]
            equal(values.detach() * case.quantizer.unit, case.forward(a, *arrays))
            (values * case.quantizer.unit * torch.from_numpy(g)).sum().backward()
            law = case.gradient(a, g, *arrays)
            for tensor, expected in zip([x, *learned.values()], law if isinstance(law, tuple) else (law,), strict=True):
                equal(tensor.grad, np.asarray(expected).reshape(tensor.shape))


def test_stochastic_weights_are_drawn_as_the_law_draws_them() -> None:
    w = numbers((40, 30), 1)
    torch.manual_seed(7)
    uniform = torch.rand(40, 30, dtype=torch.float64).numpy()
    torch.manual_seed(7)
    weight = leaf(w)
    values, _ = SignWeight(stochastic=True)(weight, Moment(training=True))
    assert (values.detach().numpy() == sign.stochastic_sign(w, uniform)).all()
    values.sum().backward()
    assert bool((weight.grad == 1).all())
    assert (SignWeight(stochastic=True)(weight)[0].detach().numpy() == sign.sign(w)).all()


def test_stochastic_weights_follow_the_hard_sigmoid() -> None:
    torch.manual_seed(3)
    points = torch.tensor([-2.0, -1.0, -0.5, 0.0, 0.8, 1.0])
    values, _ = SignWeight(stochastic=True)(points.repeat(20000, 1), Moment(training=True))
    share = (values > 0).double().mean(0).numpy()
    np.testing.assert_allclose(share, sign.hard_sigmoid(points.double().numpy()), atol=0.02)


@pytest.mark.parametrize("bits", [1, 2, 6])
def test_dorefas_gradient_is_its_law(bits: int) -> None:
    g = numbers((5, 3, 4, 4), 1)
    g[2] = 0
    torch.manual_seed(11)
    uniform = torch.rand(g.shape, dtype=torch.float64).numpy() - 0.5
    torch.manual_seed(11)
    y = leaf(np.zeros(g.shape))
    DorefaGradient(bits)(y).backward(torch.from_numpy(g))
    equal(y.grad, backward.dorefa(g, bits, uniform))
    assert not y.grad[2].any()


def test_dorefas_gradient_has_no_bias() -> None:
    """The noise makes the quantized gradient right on average: what eq. 12 adds it for."""
    torch.manual_seed(5)
    g = torch.tensor([[0.9, -0.35, 0.02, 0.0, -1.0]]).repeat(40000, 1)
    y = torch.zeros_like(g).requires_grad_()
    DorefaGradient(2)(y).backward(g)
    torch.testing.assert_close(y.grad.mean(0)[1:4], g[0, 1:4], atol=0.02, rtol=0)


@pytest.mark.parametrize("zeros", ["keep", "plus"])
def test_xnors_binary_gradient_is_its_law(zeros: str) -> None:
    for seed in SEEDS:
        g = numbers((4, 3, 2, 2), seed)
        y = leaf(np.zeros(g.shape))
        MaxSign(zeros)(y).backward(torch.from_numpy(g))  # type: ignore[arg-type]
        equal(y.grad, backward.max_sign(g, zeros))


def test_codes_are_the_engines() -> None:
    """``codes`` in float32 equal ``reference.codes.quantize``, which the engine is held to, on every tie and edge."""
    from xnorkit.reference.codes import quantize

    grid = np.arange(-4096, 4096, dtype=np.float32) / np.float32(1024)
    x = np.concatenate([np.nextafter(grid, np.float32(-9)), grid, np.nextafter(grid, np.float32(9))])[None, :, None]
    for row in (
        DorefaActivation(1),
        DorefaActivation(4),
        DorefaActivation(8),
        LinearActivation(4, 0.3),
        XnorK(2),
        XnorK(5),
    ):
        scale, bias = np.array([row.scale], np.float32), np.array([row.bias], np.float32)
        want = quantize(x, scale, bias, row.bits)
        assert (row.codes(torch.from_numpy(x)).numpy() == want).all()
        assert (row.operand(torch.from_numpy(x)).numpy() == want).all()


def test_hand_vectors() -> None:
    assert log.exponent(np.array([1.4142, 1.5, 3.0, 0.3, -5.0])).tolist() == [0, 1, 2, -2, 2]
    assert dorefa.activation(np.array([0.0, 0.5, 1.0]), 1).tolist() == [0, 1, 1]
    assert xnor.activation(np.array([-0.1, 0.0]), 1).tolist() == [-1, 1]


def test_rows_with_options_tell_their_width() -> None:
    widths = {SignWeight(): 1, SignWeight(evaluate="real"): 32, DorefaWeight(1): 1, DorefaWeight(4): 4,
              DorefaWeight(5): 8, LinearWeight(2): 2, LinearWeight(4): 8, LogWeight(2): 2, LogWeight(3): 8, Twn(): 2,
              Ttq(): 32}  # fmt: skip
    assert {row: row.width for row in widths} == widths
    assert {kind for kind, _ in QUANTIZERS} == {"weight", "activation", "gradient"}


@pytest.mark.parametrize("clip", [1.0, None])
def test_stochastic_sign_is_its_law_for_the_numbers_drawn(clip: float | None) -> None:
    for seed in SEEDS:
        x, g = numbers((5, 7), seed), np.random.default_rng(seed).standard_normal((5, 7))
        real = leaf(x)
        torch.manual_seed(seed)
        value = StochasticSign(clip=clip)(real, Moment(training=True))
        torch.manual_seed(seed)
        equal(value.detach(), sign.stochastic_sign(x, torch.rand_like(real).numpy()))
        (value * torch.from_numpy(g)).sum().backward()
        equal(real.grad, sign.gradient(x, g, clip))
