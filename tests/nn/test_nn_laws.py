"""What holds for every scheme and quantizer: sign(0) = +1, and latent weights that stay where they can still flip."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from two_processes import batch, scheme_net

from xnorkit.nn import QUANTIZERS, SCHEMES, clip_weights_, latent_weights, set_progress_
from xnorkit.nn.quantizers.base import Moment
from xnorkit.nn.quantizers.slope import ede_slope, ede_t

SIGNS = [row for (kind, _), row in QUANTIZERS.items() if kind == "activation" and row().levels == "signs"]
ONE_BIT = [row for (kind, _), row in QUANTIZERS.items() if kind == "weight" and row().bits == 1]
CLIPPED = [name for name, scheme in SCHEMES.items() if scheme.recipe.get("train.clip_latent")]


@pytest.mark.parametrize("progress", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("row", SIGNS, ids=lambda row: row.name)
def test_the_sign_of_zero_is_plus_one(row: type, progress: float) -> None:
    quantizer = row()
    x = torch.tensor([[0.0, -0.0]])
    moment = Moment(progress=torch.tensor(progress), learned=quantizer.learned(2))
    assert quantizer(x, moment).tolist() == [[1.0, 1.0]]


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("row", ONE_BIT, ids=lambda row: row.name)
def test_a_weight_of_zero_is_plus_one(row: type, training: bool) -> None:
    """Also of a filter that is 0 everywhere, whose centre, spread and scale are 0: no weight is 0, no number NaN."""
    quantizer = row()
    weight = torch.tensor([[0.0, -0.0, 0.0, 0.0], [0.5, -0.5, 0.25, -0.25]])
    moment = Moment(progress=torch.tensor(0.5), learned=quantizer.learned(weight), training=training)
    torch.manual_seed(0)
    values, scale = quantizer(weight, moment)
    assert scale.isfinite().all() and set(values.flatten().tolist()) == {-1.0, 1.0}
    if not (training and getattr(quantizer, "stochastic", False)):
        assert values[0].tolist() == [1.0] * 4 and values[1].tolist() == [1.0, -1.0, 1.0, -1.0]


@pytest.mark.parametrize("name", CLIPPED)
def test_clipped_weights_are_in_bounds_after_every_step(name: str) -> None:
    model = scheme_net(name)
    optimizer = torch.optim.SGD(model.parameters(), 50.0)
    outside = 0
    for step in range(3):
        set_progress_(model, step / 3)
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(model(batch(step)), torch.arange(4) % 3).backward()
        optimizer.step()
        outside += sum(int((w.abs() > 1).sum()) for w in latent_weights(model).values())
        clip_weights_(model)
        assert all(bool((w.abs() <= 1).all()) for w in latent_weights(model).values())
    assert outside > 0, "a step too small to leave the window proves nothing"


@given(st.floats(-20, 20), st.floats(0, 1), st.floats(1e-3, 1), st.floats(1, 50))
def test_ede_goes_from_the_identity_to_the_sign(x: float, progress: float, t_min: float, t_max: float) -> None:
    """IR-Net, sec. 3.3: the slope of x while t is small, that of the sign when t has grown; always between."""
    at = torch.tensor(x, dtype=torch.float64)
    t = ede_t(torch.tensor(progress, dtype=torch.float64), t_min, t_max)
    slope = float(ede_slope(at, t))
    assert t_min * (1 - 1e-9) <= float(t) <= t_max * (1 + 1e-9)
    assert 0 <= slope <= max(1.0, float(t))
    assert float(ede_slope(torch.zeros_like(at), t)) == pytest.approx(max(1.0, float(t)))
    first = float(ede_slope(at, ede_t(torch.tensor(0.0, dtype=torch.float64), t_min, t_max)))
    assert 1 - (t_min * x) ** 2 - 1e-9 <= first <= 1
    last = float(ede_slope(at, ede_t(torch.tensor(1.0, dtype=torch.float64), t_min, t_max)))
    assert last <= 4 * t_max * math.exp(-2 * t_max * abs(x)) + 1e-9
