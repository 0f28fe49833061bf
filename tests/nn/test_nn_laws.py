"""What holds for every scheme and quantizer: sign(0) = +1, and latent weights that stay where they can still flip."""

from __future__ import annotations

import pytest
import torch
from two_processes import batch, scheme_net

from xnorkit.nn import QUANTIZERS, SCHEMES, clip_weights_, latent_weights, set_progress_
from xnorkit.nn.quantizers.base import Moment

SIGNS = [row for (kind, _), row in QUANTIZERS.items() if kind == "activation" and row().levels == "signs"]
CLIPPED = [name for name, scheme in SCHEMES.items() if scheme.recipe.get("train.clip_latent")]


@pytest.mark.parametrize("progress", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("row", SIGNS, ids=lambda row: row.name)
def test_the_sign_of_zero_is_plus_one(row: type, progress: float) -> None:
    quantizer = row()
    x = torch.tensor([[0.0, -0.0]])
    moment = Moment(progress=torch.tensor(progress), learned=quantizer.learned(2))
    assert quantizer(x, moment).tolist() == [[1.0, 1.0]]


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
