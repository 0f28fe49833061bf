"""Weight sharing: k-means on a line, Deep Compression's worked example, values that are trained."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from torch import nn

from xnorkit.compress.kmeans import INITIAL, kmeans_1d, nearest
from xnorkit.compress.stages.share import Share, shared
from xnorkit.compress.stages.table import parse_stages
from xnorkit.compress.weights import Shared, hold, settle
from xnorkit.errors import RecipeError
from xnorkit.reference.codecs.table import CODECS

VALUES = hnp.arrays(np.float64, st.integers(1, 60), elements=st.floats(-4, 4, width=32))
# Han et al. 2016, figure 3
WEIGHTS = torch.tensor([[2.09, -0.98, 1.48, 0.09], [0.05, -0.14, -1.08, 2.12],
                        [-0.91, 1.92, 0.00, -1.03], [1.87, 0.00, 1.53, 1.49]])  # fmt: skip
GRADIENT = torch.tensor([[-0.03, -0.01, 0.03, 0.02], [-0.01, 0.01, -0.02, 0.12],
                         [-0.01, 0.02, 0.04, 0.01], [-0.07, -0.02, 0.01, -0.02]])  # fmt: skip
INDEX = torch.tensor([[3, 0, 2, 1], [1, 1, 0, 3], [0, 3, 1, 0], [3, 1, 2, 2]])


@pytest.mark.parametrize("initial", INITIAL)
@given(values=VALUES, count=st.integers(1, 9))
def test_lloyds_steps_end_where_no_number_and_no_centroid_moves(initial: str, values: np.ndarray, count: int) -> None:
    found = kmeans_1d(values, INITIAL[initial](values, count))
    index = nearest(values, found)
    assert 1 <= len(found) <= count and np.all(np.diff(found) > 0)
    assert np.array_equal(np.unique(index), np.arange(len(found)))
    distances = np.abs(values[:, None] - found)
    assert np.allclose(distances[np.arange(len(values)), index], distances.min(axis=1), atol=1e-12)
    means = [values[index == k].mean() for k in range(len(found))]
    assert np.allclose(found, means, atol=1e-9)


def test_the_papers_example() -> None:
    """Clusters, the summed gradient and the values after a step, as figure 3 prints them."""
    assert np.array_equal(nearest(WEIGHTS.numpy(), np.array([-1.0, 0.0, 1.5, 2.0])), INDEX.numpy())
    layer = nn.Linear(4, 4, bias=False)
    layer.weight.data.copy_(WEIGHTS)
    hold(layer, Shared(INDEX, zero=False))
    values = layer.parametrizations.weight.original
    assert values.detach().numpy().round(2).tolist() == pytest.approx([-1.0, 0.0, 1.5, 2.0])
    layer.weight.backward(GRADIENT)
    assert values.grad.numpy().round(2).tolist() == pytest.approx([-0.03, 0.04, 0.02, 0.04], abs=0.011)
    torch.optim.SGD([values], lr=1.0).step()
    assert values.detach().numpy().round(2).tolist() == pytest.approx([-0.97, -0.04, 1.48, 1.96])


def test_sixteen_weights_of_four_values_take_a_third() -> None:
    """Sec. 3: 16 x 32 / (4 x 32 + 2 x 16) = 3.2."""
    few = shared(WEIGHTS, bits=2)
    weight = few(few.right_inverse(WEIGHTS)).detach().numpy()
    assert CODECS["shared"].encode(weight, {"huffman": 0}).nbytes == (4 * 32 + 2 * 16) / 8
    assert 16 * 32 / (4 * 32 + 2 * 16) == 3.2


def test_zeros_of_pruned_layers_stay_and_count_among_the_values() -> None:
    torch.manual_seed(0)
    layer = nn.Linear(50, 20)
    with torch.no_grad():
        layer.weight[layer.weight.abs() < 0.1] = 0
    zeros = layer.weight == 0
    hold(layer, shared(layer.weight.detach(), bits=3))
    layer(torch.ones(1, 50)).sum().backward()
    torch.optim.Adam(layer.parameters(), lr=0.1).step()
    settle(layer)
    assert bool((layer.weight[zeros] == 0).all()) and len(layer.weight.unique()) <= 8
    assert len(CODECS["sparse_shared"].encode(layer.weight.detach().numpy()).parts["codebook"]) <= 8


@pytest.mark.parametrize(
    "text",
    [
        "share:0",
        "share:9",
        "share:4:fc=9",
        "share:4:fc=2.5",
        "share:initial=best",
        "share:2:initial=sign",
        "share:1:conv=2:initial=sign",
        "zip",
    ],
)
def test_options_that_are_none_are_refused(text: str) -> None:
    with pytest.raises(RecipeError):
        parse_stages(text)


def test_biases_share_where_asked_for_and_parameters_keep_their_order() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(8, 40))

    class Nothing:
        def train_on(self, model: nn.Module, *_: object, **__: object) -> None:
            assert list(dict(model.named_parameters())) != ["0.weight", "0.bias"]
            settle(model)

    Share(bits=3, biases=2, epochs=0).apply(model, Nothing())  # type: ignore[arg-type]
    assert list(dict(model.named_parameters())) == ["0.weight", "0.bias"]
    assert len(model[0].bias.unique()) == 4 and len(model[0].weight.unique()) == 8


def test_binarization_keeps_signs_and_the_means_of_both_sides() -> None:
    """Gong et al. 2014: one bit a weight; pruned zeros stay 0."""
    weight = torch.tensor([[0.5, -1.0, 1.5, -3.0, 0.25, -0.5]])
    form = shared(weight, bits=1, initial="sign")
    assert form(form.right_inverse(weight)).tolist() == [[0.75, -1.5, 0.75, -1.5, 0.75, -1.5]]
    pruned = torch.tensor([[0.0, -1.0, 3.0, 0.0]])
    form = shared(pruned, bits=1, initial="sign")
    assert form(form.right_inverse(pruned)).tolist() == [[0.0, -1.0, 3.0, 0.0]]
