"""Hashed layers and layers of vectors: values, gradients, packed files that hold the few numbers alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from xnorkit.compress.layers import pictures_read
from xnorkit.compress.stages.hash import hash_layer, stored_order
from xnorkit.compress.stages.table import parse_stages
from xnorkit.compress.stages.vector import quantize_rows
from xnorkit.errors import RangeError, RecipeError
from xnorkit.export import export, verify
from xnorkit.graph.store import load
from xnorkit.models import create_model
from xnorkit.nn.edits import apply_edits, edit_layer
from xnorkit.nn.layers import FormedConv2d, FormedLinear, HashedConv2d, HashedLinear
from xnorkit.nn.layers.formed import Hashed, Vectors
from xnorkit.reference.codecs.coded import Coded
from xnorkit.reference.hashing import buckets_and_signs


def test_a_values_gradient_is_the_sum_over_its_bucket() -> None:
    """HashedNets, eq. 12: dL/dw_k = sum_ij a_j delta_i xi(i, j) [h(i, j) = k]."""
    torch.manual_seed(0)
    layer = HashedLinear(6, 4, buckets=5, seed=2)
    x, delta = torch.randn(3, 6), torch.randn(3, 4)
    layer(x).backward(delta)
    bucket, sign = buckets_and_signs(24, 5, seed=2)
    wanted = np.zeros(5)
    np.add.at(wanted, bucket, (delta.T @ x).numpy().reshape(-1) * sign)
    assert np.allclose(layer.form.values.grad.numpy(), wanted, atol=1e-5)


@pytest.mark.parametrize("picture", [None, (3, 2, 2)])
def test_dense_weights_are_dealt_out_in_the_files_order(picture: tuple[int, int, int] | None) -> None:
    layer = HashedLinear(12, 5, buckets=9, seed=1, picture=picture)
    bucket, sign = buckets_and_signs(60, 9, seed=1)
    flat = torch.from_numpy(layer.form.values.detach().numpy()[bucket] * sign).view(5, 12)
    if picture is not None:
        flat = flat.view(5, 2, 2, 3).permute(0, 3, 1, 2).reshape(5, 12)
    assert torch.equal(layer._weight().flatten(1), flat)


def test_convolutions_of_forms_compute_what_their_weight_does() -> None:
    torch.manual_seed(0)
    layer = HashedConv2d(4, 6, (3, 2), buckets=20, stride=2, padding=1, groups=2)
    plain = nn.Conv2d(4, 6, (3, 2), stride=2, padding=1, groups=2)
    plain.weight.data.copy_(layer._weight())
    plain.bias.data.copy_(layer.bias)
    x = torch.randn(2, 4, 9, 9)
    assert torch.allclose(layer(x), plain(x), atol=1e-5)


def net(tmp_path: Path) -> nn.Module:
    torch.manual_seed(0)
    model = create_model("lenet5", method="fp32").eval()
    example = torch.zeros(1, 1, 28, 28)
    pictures = pictures_read(model, example)
    assert pictures == {"fc1": (50, 4, 4)}
    hash_layer(model, "fc1", 0.02, 3, pictures["fc1"])
    hash_layer(model, "fc2", 0.1, 4, None)
    new = edit_layer(model, "conv2", "vectors", segments=25, values=8, stages=2)
    new.form.codebook.data.normal_(0, 0.05)
    new.form.indices.copy_(torch.randint(0, 8, new.form.indices.shape))
    return model


def test_packed_files_hold_the_few_numbers_and_equal_the_net(tmp_path: Path) -> None:
    model, file = net(tmp_path), tmp_path / "net.xnor.safetensors"
    report = export(model, torch.zeros(1, 1, 28, 28), file, input_dtype="u8", coding="huffman")
    codecs = {key: t.codec for key, t in load(file).tensors.items() if isinstance(t, Coded) and "weight" in key}
    assert codecs == {"conv2.weight": "vector", "fc1.weight": "hashed", "fc2.weight": "hashed"}
    assert report.file_bytes < 80_000
    checked = verify(model, file, np.random.default_rng(0).integers(0, 256, (32, 28, 28, 1)).astype(np.uint8))
    assert checked.ok and checked.mismatches == 0


def test_configs_rebuild_edited_nets(tmp_path: Path) -> None:
    model = net(tmp_path)
    again = create_model(**model.config).eval()  # type: ignore[arg-type]
    again.load_state_dict(model.state_dict())
    x = torch.rand(2, 1, 28, 28) * 255
    assert torch.equal(again(x), model(x)) and again.config == model.config


def test_product_quantization_is_k_means_of_each_segment() -> None:
    rng = np.random.default_rng(0)
    centres = rng.standard_normal((2, 3, 4)) * 10
    index = rng.integers(0, 3, (2, 40))
    matrix = np.stack([centres[s][index[s]] for s in range(2)], axis=1).reshape(40, 8)
    book, found = quantize_rows(matrix, segments=2, values=3, stages=1)
    rebuilt = np.stack([book[0, s][found[0, s]] for s in range(2)], axis=1).reshape(40, 8)
    assert np.allclose(rebuilt, matrix)


def test_every_stage_quantizes_what_the_ones_before_left() -> None:
    matrix = np.random.default_rng(0).standard_normal((60, 12))
    errors = []
    for stages in (1, 2, 4):
        book, index = quantize_rows(matrix, segments=3, values=8, stages=stages)
        parts = [sum(book[t, s][index[t, s]] for t in range(stages)) for s in range(3)]
        errors.append(float(((np.stack(parts, axis=1).reshape(60, 12) - matrix) ** 2).sum()))
    assert errors[0] > 1.5 * errors[1] > 2 * errors[2]


def test_hashed_values_begin_as_their_buckets_means() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(30, 20))
    weight = stored_order(model[0].weight.detach(), None).reshape(-1)
    hash_layer(model, "0", 1.0, 0, None)
    form = model[0].form
    scale = form.values.detach()[form.bucket.long()] * form.sign / weight
    alone = torch.bincount(form.bucket.long())[form.bucket.long()] == 1
    assert torch.allclose(scale[alone], scale[alone][0], rtol=1e-4) and float(scale[alone][0]) > 1


@pytest.mark.parametrize(
    "make",
    [lambda: HashedLinear(4, 4, buckets=17), lambda: HashedLinear(4, 4, buckets=0),
     lambda: HashedLinear(4, 4, 3, picture=(2, 1, 1)), lambda: Vectors((4, 1, 1, 6), segments=4, values=3),
     lambda: Vectors((4, 1, 1, 6), segments=3, values=257), lambda: Vectors((4, 1, 1, 6), 3, 3, stages=17),
     lambda: apply_edits(nn.Sequential(nn.Linear(2, 2)), [{"layer": "0", "edit": "melt"}]),
     lambda: apply_edits(nn.Sequential(nn.Linear(2, 2)), [{"layer": "7", "edit": "factored", "rank": 1}]),
     lambda: apply_edits(nn.Sequential(nn.Linear(2, 2)), [{"layer": "0", "edit": "factored", "ranks": 1}]),
     lambda: apply_edits(nn.Sequential(nn.Linear(2, 2)), [{"layer": "0", "edit": "cp", "rank": 1}]),
     lambda: apply_edits(nn.Sequential(nn.ReLU()), [{"layer": "0", "edit": "hashed", "buckets": 1}]),
     lambda: apply_edits(nn.Sequential(nn.Linear(2, 2)), [{"layer": "0", "edit": "resized", "sizes": {"training": 1},
                                                          "tensors": {}}])],
)  # fmt: skip
def test_sizes_and_edits_that_are_none_are_refused(make: object) -> None:
    with pytest.raises(RangeError):
        make()  # type: ignore[operator]


def test_layers_say_what_they_are_made_of() -> None:
    assert "buckets=3, seed=1" in repr(HashedLinear(4, 4, 3, seed=1))
    assert "segments=2, values=5, stages=1" in repr(FormedConv2d(2, 9, (1, 1), Vectors, segments=2, values=5))
    assert isinstance(HashedLinear(4, 4, 3), FormedLinear) and isinstance(HashedLinear(4, 4, 3).form, Hashed)


@pytest.mark.parametrize("text", ["hash", "hash:2", "hash:0.5:fc=3", "vector:0", "vector:values=1", "vector:stages=17"])
def test_options_that_are_none_are_refused(text: str) -> None:
    with pytest.raises(RecipeError):
        parse_stages(text)
