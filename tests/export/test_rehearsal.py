"""A rehearsal leaves the model alone, makes numbers that training may leave, and finds what would differ."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

import xnorkit as xk
from xnorkit.errors import RangeError, ShapeError, UnsupportedError
from xnorkit.export.rehearsal import made_up_, rehearse
from xnorkit.nn import BinaryConv2d


def pictures(count: int = 8, side: int = 16) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (count, side, side, 1), dtype=np.uint8)


def net(method: str = "reactnet") -> nn.Module:
    torch.manual_seed(0)
    return xk.create_model("vgg_small", method, input_size=16, stages=[[16], [16]])


def test_the_model_stays_as_it_was() -> None:
    model = net()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    assert rehearse(model, pictures()).ok and model.training
    after = model.state_dict()
    assert before.keys() == after.keys() and all(torch.equal(before[name], after[name]) for name in before)


def test_numbers_are_those_that_break_careless_packing() -> None:
    fresh, model = net(), net()
    made_up_(model, pictures(64), seed=3)
    norm = next(module for module in model.blocks.modules() if isinstance(module, nn.BatchNorm2d))
    gammas = norm.weight
    assert (gammas > 0).any() and (gammas < 0).any() and (gammas == 0).any()
    assert norm.running_mean.any() and norm.momentum == 0.1
    convs = [module for module in model.modules() if isinstance(module, BinaryConv2d)]
    assert all((conv.weight == 0).any() and (conv.weight != 0).any() for conv in convs)
    changed = [name for (name, new), old in zip(model.named_parameters(), fresh.parameters(), strict=True)
               if not torch.equal(new, old)]  # fmt: skip
    assert [name for name, parameter in model.named_parameters() if parameter.ndim < 2 and name not in changed] == []
    again = made_up_(net(), pictures(64), seed=3)
    assert all(torch.equal(a, b) for a, b in zip(model.state_dict().values(), again.state_dict().values(), strict=True))


def test_report_counts_integers() -> None:
    report = rehearse(net("xnor"), pictures(), input_dtype="u8")
    compared, different = report.integers
    assert compared > 1000 and different == 0 and report.export.file_bytes > 0 and report.export_seconds > 0


def test_what_cannot_be_packed_is_named_before_training() -> None:
    class Fourier(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return torch.fft.rfft(x).real

    with pytest.raises(UnsupportedError, match="rfft"):
        rehearse(nn.Sequential(nn.Flatten(), Fourier(), nn.LazyLinear(2)), pictures())


def test_refusals() -> None:
    with pytest.raises(ShapeError, match="at least 2"):
        rehearse(net(), pictures(1))
    with pytest.raises(RangeError, match="seed"):
        rehearse(net(), pictures(), seed=-1)
