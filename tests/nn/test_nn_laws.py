"""What holds for every scheme and quantizer: sign(0) = +1, and latent weights that stay where they can still flip."""

from __future__ import annotations

import pytest
import torch
from two_processes import batch, scheme_net

from xnorkit.nn import QUANTIZERS, SCHEMES, clip_weights_, latent_weights, set_progress_
from xnorkit.nn.quantizers.base import Moment

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
