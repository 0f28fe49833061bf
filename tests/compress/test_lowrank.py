"""Factors: exact at full rank, the best at a lower one, ranks by energy and by share, layers of every stride."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from xnorkit.compress import lowrank
from xnorkit.compress.forms import FORMS
from xnorkit.compress.ranks import Cut, cuts, within
from xnorkit.compress.stages.lowrank import LowRank
from xnorkit.compress.stages.table import parse_stages
from xnorkit.errors import RangeError, RecipeError
from xnorkit.nn.edits import apply_edits

CONVS = [
    nn.Conv2d(4, 6, 3), nn.Conv2d(4, 6, (5, 3), stride=2, padding=(2, 1)), nn.Conv2d(4, 6, 3, dilation=2, bias=False),
]  # fmt: skip


def test_dense_factors_are_the_best_of_their_rank() -> None:
    """Eckart and Young: the error is the energy of the singular values left out."""
    torch.manual_seed(0)
    weight = torch.randn(20, 30)
    singular = torch.linalg.svdvals(weight.double())
    for rank in (1, 7, 20):
        a, b = lowrank.svd(weight, rank)
        error = (weight - b @ a).double().pow(2).sum()
        assert float(error) == pytest.approx(float(singular[rank:].pow(2).sum()), abs=1e-4)


@pytest.mark.parametrize("conv", CONVS, ids=["plain", "strided", "dilated"])
@pytest.mark.parametrize("form", ["separable", "tucker", "cp"])
def test_full_rank_factors_compute_what_the_convolution_does(conv: nn.Conv2d, form: str) -> None:
    torch.manual_seed(1)
    weight = torch.randn_like(conv.weight)
    row = FORMS[form]
    ranks = {"separable": [min(4 * conv.kernel_size[0], 6 * conv.kernel_size[1])], "tucker": [4, 6], "cp": [2]}[form]
    if form == "cp":  # a kernel that has that rank
        parts = [torch.randn(n, 2) for n in weight.shape]
        weight = torch.einsum("or,cr,hr,wr->ochw", *parts)
    model = nn.Sequential(nn.Conv2d(4, 6, conv.kernel_size, conv.stride, conv.padding, conv.dilation))
    apply_edits(model, [{"layer": "0", "edit": row.edit, **row.options(*ranks)}])
    for part, factor in zip(model[0], row.factors(weight, *ranks), strict=True):
        part.weight.data.copy_(factor)
    nn.init.zeros_(model[0][-1].bias)
    x = torch.randn(2, 4, 11, 9)
    expected = F.conv2d(x, weight, None, conv.stride, conv.padding, conv.dilation)
    assert torch.allclose(model(x), expected, atol=2e-3 if form == "cp" else 1e-4)


def test_ranks_hold_the_energy() -> None:
    torch.manual_seed(2)
    weight = torch.randn(40, 25)
    singular = torch.linalg.svdvals(weight.double()) ** 2
    rank = lowrank.rank_by_energy(singular.sqrt(), 0.8)
    assert float(singular[:rank].sum()) >= 0.8 * float(singular.sum()) > float(singular[: rank - 1].sum())
    assert lowrank.rank_by_energy(torch.zeros(4), 0.9) == 1


@pytest.mark.parametrize("keep", [0.05, 0.3, 0.8])
def test_a_budget_is_kept_and_goes_where_energy_is_lost_least(keep: float) -> None:
    torch.manual_seed(4)
    low = torch.randn(60, 3) @ torch.randn(3, 50)  # of rank 3: cut for nothing
    steps = {"low": cuts(low, FORMS["svd"]), "full": cuts(torch.randn(60, 50), FORMS["svd"])}
    chosen = within(steps, keep)
    assert sum(cut.numbers for cut in chosen.values()) <= keep * 6000
    assert chosen["low"].energy > chosen["full"].energy or keep == 0.8
    assert chosen["low"].ranks and max(chosen["low"].ranks) <= 3
    assert bool(chosen["full"].ranks) == (keep < 0.5)
    costly = within(steps, keep, lambda layer, cut: 1 - cut.energy if layer == "full" else 1e9 * (cut.ranks != ()))
    assert sum(cut.numbers for cut in costly.values()) <= keep * 6000
    assert costly["low"].ranks == () or keep < 0.5
    with pytest.raises(RangeError, match="at least"):
        within(steps, 0.001)


def test_cuts_have_ever_fewer_numbers_and_hold_their_energy() -> None:
    torch.manual_seed(5)
    weight = torch.randn(16, 8, 3, 3)
    for form in (FORMS["tucker"], FORMS["separable"], FORMS["cp"]):
        found = cuts(weight, form)
        assert found[0] == Cut((), weight.numel(), 1.0) and len(found) > 5
        assert all(a.numbers > b.numbers == form.numbers(weight, b.ranks) for a, b in pairwise(found))
        for cut in found[1:]:
            for spectrum, rank in zip(form.spectra(weight), cut.ranks, strict=True):
                assert float((spectrum[:rank] ** 2).sum() / (spectrum**2).sum()) >= cut.energy - 1e-9


def test_layers_that_would_not_shrink_stay() -> None:
    torch.manual_seed(3)
    model = nn.Sequential(nn.Linear(6, 6), nn.Conv2d(4, 4, 1), nn.Conv2d(4, 4, 3, groups=2))

    class Nothing:
        def train_on(self, *_: object, **__: object) -> None: ...

    LowRank(energy=1.0, epochs=0).apply(model, Nothing())  # type: ignore[arg-type]
    assert [type(layer) for layer in model] == [nn.Linear, nn.Conv2d, nn.Conv2d]
    with pytest.raises(RangeError, match="layer"):
        LowRank(keep=0.5, layers={"fc": 3}).apply(model, Nothing())  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "text", ["lowrank", "lowrank:0.9:keep=0.5", "lowrank:2", "lowrank:0.9:conv=fft", "lowrank:0.9:by=sensitivity"]
)
def test_options_that_are_none_are_refused(text: str) -> None:
    with pytest.raises(RecipeError):
        parse_stages(text)
