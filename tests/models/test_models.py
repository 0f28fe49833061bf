"""The model table: published counts, every row under every method, integer sums end to end, options and refusals."""

import json

import pytest
import torch
from torch import nn

from xnorkit.errors import RangeError, ShapeError
from xnorkit.models import MODELS, create_model, summary
from xnorkit.nn import BinaryConv2d, BinaryLinear, Int8Conv2d, Int8Linear, Sign, Xnor, clip_weights_

SMALL = ("lenet_300_100", "lenet5", "binarynet_small", "vgg_small")
"""Tested here; the others at a part of their width, test_canonical.py, test_modern.py."""
INTEGER_ENDS = (*SMALL, "binarynet", "cnv")


def pixels(n, size, channels=1):
    return torch.randint(0, 256, (n, channels, size, size), generator=torch.Generator().manual_seed(0)).float()


@pytest.mark.parametrize(
    ("name", "in_chans", "size", "params", "macs"),
    [("lenet_300_100", 1, 28, 266_610, 266_200), ("lenet5", 1, 28, 431_080, 2_293_000)],
)
def test_float_lenets_have_the_published_counts(name, in_chans, size, params, macs):
    model = create_model(name, "fp32", in_chans=in_chans)
    total = summary(model, (in_chans, size, size))
    assert total.params == sum(p.numel() for p in model.parameters()) == params
    assert total.macs() == total.macs("float") == macs
    assert total.fp32_bytes == 4 * params


def test_binarynet_has_the_weights_of_the_paper():
    total = summary(create_model("binarynet", "bnn", in_chans=3), (3, 32, 32))
    assert total.params_by_width[1] + total.params_by_width[8] == 14_022_016
    assert round(total.macs() / 1e6) == 617


def test_binary_lenet5_is_counted_by_width():
    total = summary(create_model("lenet5", "xnor"), (1, 28, 28))
    widths = {1: 20 * 50 * 25 + 800 * 500, 8: 20 * 25 + 500 * 10, 32: 2 * (20 + 50 + 500) + 10}
    assert total.params_by_width == widths
    assert [total.macs(k) for k in ("binary", "int8")] == [2_000_000, 293_000] and total.macs() == 2_293_000
    assert total.total("other_floats") == 2 * (20 + 50 + 500) + (20 + 50 + 500 + 10)
    assert total.packed_bytes == 25_000 // 8 + 400_000 // 8 + 5_500 + 4 * (1_150 + 1_720)
    text = str(total)
    assert "fc1" in text and "400,000" in text and "binary 2,000,000" in text


@pytest.mark.parametrize("method", ("fp32", "bnn", "xnor"))
@pytest.mark.parametrize("name", SMALL)
def test_every_row_trains_under_every_method(name, method):
    torch.manual_seed(0)
    model = create_model(name, method, num_classes=4)
    x, labels = pixels(8, model.config["input_size"]), torch.arange(8) % 4
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    losses = []
    for _ in range(8):
        loss = nn.functional.cross_entropy(model(x), labels)
        optimizer.zero_grad()
        loss.backward()
        assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())
        optimizer.step()
        clip_weights_(model)
        losses.append(loss.item())
    assert losses[-1] < 0.8 * losses[0]


@pytest.mark.parametrize("method", ["xnor", "bnn"])
@pytest.mark.parametrize("name", INTEGER_ENDS)
def test_binary_methods_leave_no_float_layer(name, method):
    model = create_model(name, method)
    layers = [m for m in model.modules() if isinstance(m, (nn.Conv2d, nn.Linear))]
    assert isinstance(layers[0], (Int8Conv2d, Int8Linear)) and isinstance(layers[-1], Int8Linear)
    assert all(isinstance(m, (BinaryConv2d, BinaryLinear)) for m in layers[1:-1]) and len(layers) > 2
    assert {m.weight_quantizer.name for m in layers[1:-1]} == {"xnor" if method == "xnor" else "sign"}
    assert not any(isinstance(m, nn.ReLU) for m in model.modules())


@pytest.mark.parametrize("name", SMALL)
def test_exported_models_equal_eager_ones_for_any_batch(name):
    model = create_model(name, "xnor")
    size = model.config["input_size"]
    model(pixels(16, size))
    model.eval()
    program = torch.export.export(model, (pixels(2, size),), dynamic_shapes=({0: torch.export.Dim("n")},))
    assert torch.equal(program.module()(pixels(5, size)), model(pixels(5, size)))
    calls = [n.target.__name__ for n in program.graph.nodes if n.op == "call_function"]
    assert not any(c.startswith(("conv", "linear")) for c in calls), "a float product was left in"


@pytest.mark.parametrize("method", ("fp32", "bnn", "xnor"))
def test_digits_of_8_by_8_fit_the_small_nets(method):
    for name in ("binarynet_small", "lenet_300_100"):
        assert create_model(name, method, input_size=8)(pixels(2, 8)).shape == (2, 10)


def test_config_rebuilds_the_same_network():
    options = {"weight": Xnor(gradient="paper"), "activation": Sign(clip=1.3)}
    model = create_model("lenet5", "xnor", num_classes=7, in_chans=3, input_size=32, **options)
    twin = create_model(**model.config)
    twin.load_state_dict(model.state_dict())
    assert repr(twin) == repr(model) and "clip=1.3" in repr(model.conv2) and "paper" in repr(model.fc1)
    assert torch.equal(twin.eval()(pixels(2, 32, 3)), model.eval()(pixels(2, 32, 3)))


def test_float_models_normalise_pixels_per_channel():
    model = create_model("lenet5", "fp32", in_chans=3, mean=[0.1, 0.2, 0.3], std=0.5)
    x = pixels(2, 28, 3)
    expected = (x / 255 - torch.tensor([0.1, 0.2, 0.3]).view(1, 3, 1, 1)) / 0.5
    torch.testing.assert_close(model.pixels(x), expected)


def test_summary_restores_modes_and_counts_shared_weights_once():
    shared = nn.Conv2d(4, 4, 3, padding=1)
    model = nn.Sequential(shared, nn.BatchNorm2d(4).eval(), shared)
    total = summary(model, (4, 6, 6))
    assert total.params == 148 + 8 and total.macs() == 2 * 36 * 144
    assert model.training and not model[1].training and not model[0]._forward_hooks
    with pytest.raises(RangeError):
        total.macs("int4")


def test_table_rows_are_documented():
    for name, row in MODELS.items():
        assert row.name == name and row.doc and row.build.__doc__ and "input_size" in row.accepts


@pytest.mark.parametrize(
    ("arguments", "error", "match"),
    [
        ({"name": "lenet6"}, RangeError, "got lenet6"),
        ({"name": "lenet5", "method": "ternary"}, RangeError, "scheme"),
        ({"name": "lenet5", "colour": 3}, RangeError, "got colour"),
        ({"name": "lenet5", "num_classes": 0}, RangeError, "num_classes"),
        ({"name": "lenet5", "input_size": 8}, ShapeError, "input_size"),
        ({"name": "binarynet", "input_size": 7}, ShapeError, "input_size"),
        ({"name": "binarynet", "width": 0.01}, RangeError, "width"),
        ({"name": "lenet5", "method": "fp32", "mean": [0.1, 0.2]}, ShapeError, "mean"),
        ({"name": "vgg_small", "head": "max"}, RangeError, "head"),
    ],
)
def test_refusals(arguments, error, match):
    with pytest.raises(error, match=match):
        create_model(**arguments)


def test_a_summary_says_why_a_layer_is_not_binary():
    model = create_model("vgg_small", "dorefa", stages=[[8], [8, 8]], input_size=16)
    rows = {row.name: row for row in summary(model, (1, 16, 16)).layers if row.weights}
    few = [row for row in rows.values() if row.kind == "few-bit"]
    assert few and all(row.weight_bits == 1 and row.why == "1-bit weights on 2-bit codes" for row in few)
    real = create_model("vgg_small", "binaryconnect[weight.evaluate=real]", stages=[[8], [8, 8]], input_size=16)
    whys = {row.why for row in summary(real, (1, 16, 16)).layers if row.weights and row.kind == "float"}
    assert "its quantizer gives real numbers" in whys
    total = summary(model, (1, 16, 16))
    assert json.loads(json.dumps(total.to_dict()))["params_by_width"]["1"] == sum(row.weights for row in few)
    assert "1-bit weights on 2-bit codes" in str(total)
