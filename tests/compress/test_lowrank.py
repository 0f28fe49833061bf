"""Factors: exact at full rank, the best at a lower one, ranks by energy and by share, layers of every stride."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from xnorkit.compress import lowrank
from xnorkit.compress.stages.lowrank import FORMS, LowRank
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


def test_ranks_hold_the_energy_and_keep_the_share() -> None:
    torch.manual_seed(2)
    weight = torch.randn(40, 25)
    singular = torch.linalg.svdvals(weight.double()) ** 2
    rank = lowrank.rank_by_energy(singular.sqrt(), 0.8)
    assert float(singular[:rank].sum()) >= 0.8 * float(singular.sum()) > float(singular[: rank - 1].sum())
    for keep in (0.1, 0.5, 0.9):
        (rank,) = FORMS["svd"].ranks(weight, None, keep, None)
        assert rank * 65 <= keep * 1000 < (rank + 1) * 65
    low, high = FORMS["tucker"].ranks(torch.randn(32, 16, 3, 3), None, 0.25, None)
    assert low * 16 + high * low * 9 + 32 * high <= 0.25 * 32 * 16 * 9 and high == pytest.approx(2 * low, abs=1)
    assert lowrank.rank_by_energy(torch.zeros(4), 0.9) == 1


def test_layers_that_would_not_shrink_stay() -> None:
    torch.manual_seed(3)
    model = nn.Sequential(nn.Linear(6, 6), nn.Conv2d(4, 4, 1), nn.Conv2d(4, 4, 3, groups=2))

    class Nothing:
        def train_on(self, *_: object, **__: object) -> None: ...

    LowRank(energy=1.0, epochs=0).apply(model, Nothing())  # type: ignore[arg-type]
    assert [type(layer) for layer in model] == [nn.Linear, nn.Conv2d, nn.Conv2d]
    with pytest.raises(RangeError, match="layer"):
        LowRank(keep=0.5, layers={"fc": 3}).apply(model, Nothing())  # type: ignore[arg-type]


@pytest.mark.parametrize("text", ["lowrank", "lowrank:0.9:keep=0.5", "lowrank:2", "lowrank:0.9:conv=fft"])
def test_options_that_are_none_are_refused(text: str) -> None:
    with pytest.raises(RecipeError):
        parse_stages(text)
