"""Few-bit schemes: packed equals trained, integers where nothing is float; what cannot be packed says so."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from export_cases import Case, randomized
from torch import nn

from xnorkit.errors import UnsupportedError
from xnorkit.export import export, to_graph, verify
from xnorkit.export.lower.fewbit import planes_of, power_edges
from xnorkit.export.parity import to_torch
from xnorkit.graph.ir import Graph
from xnorkit.models.vgg_small import vgg_small
from xnorkit.nn import BinaryActivation, FewBitConv2d, FewBitLinear, Int8Conv2d, find_scheme
from xnorkit.nn.fewbit import power_values
from xnorkit.nn.quantizers import (
    DorefaActivation,
    DorefaWeight,
    LinearActivation,
    LinearWeight,
    LogActivation,
    XnorK,
)
from xnorkit.reference.wbits import weight_values
from xnorkit.runtime.session import Session

STAGES = [[12], [16, 20]]
INTEGER_ENDS = "first=planes, last=binary"
SPECS: dict[str, tuple[bool, str, int]] = {
    "binaryconnect": (False, "wconv2d", 1),
    "binaryconnect[weight.stochastic=true]": (False, "wconv2d", 1),
    "binaryconnect[weight.evaluate=real]": (False, "conv2d", 32),
    "bwn[weight.centre=true, weight.clamp=true, weight.scale=layer, weight.gradient=paper]": (False, "wconv2d", 1),
    "twn[first=planes, weight.per=filter]": (False, "wconv2d", 2),
    "ttq": (False, "conv2d", 32),
    "bwn": (False, "wconv2d", 1),
    "xnor[kmap=true]": (False, "bconv2d", 1),
    "bnn[first=planes,last=binary]": (True, "bconv2d", 1),
    "dorefa[weight.bits=2,activation.bits=4]": (False, "wconv2d", 2),
    "qnn": (True, "wconv2d", 1),
    "qnn[weight=linear, weight.bits=2, activation.bits=2, gradient=dorefa]": (True, "wconv2d", 2),
    "qnn[weight=linear, order=bacp]": (True, "qconv2d", 8),
    "qnn[weight=log]": (True, "qconv2d", 8),
    "dorefa": (False, "wconv2d", 1),
    "dorefa[first=int8, weight.bits=2]": (False, "wconv2d", 2),
    f"dorefa[{INTEGER_ENDS}, weight.bits=4, activation.bits=3, order=bacp]": (True, "wconv2d", 4),
    f"dorefa[{INTEGER_ENDS}, weight.bits=6, activation.bits=1]": (True, "qconv2d", 8),
    f"dorefa[{INTEGER_ENDS}, weight=twn, order=bacp, nonlinearity=prelu]": (True, "wconv2d", 2),
    f"xnor[{INTEGER_ENDS}, activation=xnor-k, activation.bits=4, weight=dorefa, weight.bits=3, order=cbap]": (
        True,
        "wconv2d",
        3,
    ),
    "xnor[activation=xnor-k, activation.bits=2]": (True, "wconv2d", 1),
    "xnor[gradient=max-sign, weight.centre=true]": (True, "bconv2d", 1),
}
"""Scheme -> (pixels, sums and codes are integers up to the scores?, what a hidden convolution becomes, its bits)."""


def net(spec: str, seed: int = 0) -> nn.Module:
    """A small net of the scheme, gammas of both signs and zeros, and the statistics of pictures it has seen."""
    scheme = find_scheme(spec)
    case = Case(spec, lambda: vgg_small(scheme, 10, 2, input_size=8, stages=STAGES), (2, 8, 8), False)
    return seen(randomized(case, seed))


def seen(model: nn.Module) -> nn.Module:
    """The model with batch-norm statistics of 256 pictures."""
    model.eval()
    for norm in model.modules():
        if isinstance(norm, (nn.BatchNorm1d, nn.BatchNorm2d)):
            norm.reset_running_stats()
            norm.momentum = None
            norm.train()
    with torch.no_grad():
        model(to_torch(pictures(256, 99)))
    return model.eval()


def pictures(count: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (count, 8, 8, 2)).astype(np.uint8)


@pytest.mark.parametrize("spec", SPECS)
def test_packed_equals_trained(spec: str, tmp_path: Path) -> None:
    exact, op, bits = SPECS[spec]
    model, path = net(spec), tmp_path / "net.xnor.safetensors"
    written = export(model, torch.zeros(1, 2, 8, 8), path, input_dtype="auto" if exact else "u8")
    row = next(row for row in written.layers if row.name == "blocks.0.conv")
    assert (row.op, row.weight_bits, row.packed, row.weights) == (op, bits, bits <= 4, 12 * 16 * 9)
    assert row.bytes == 12 * 16 * 9 * bits // 8
    report = verify(model, path, pictures(64))
    assert report.ok and report.mismatches == 0, report.first_difference
    with torch.no_grad():
        scores = model(to_torch(pictures(64)))
    assert float(scores.std(0).max()) > 0.05, "a net that sees no difference compares nothing"
    if exact:
        assert all(row.binding for row in report.layers) and {"codes", "signs"} & {row.kind for row in report.layers}
        assert_no_float_between_pixels_and_scores(written.graph)


def assert_no_float_between_pixels_and_scores(graph: Graph) -> None:
    """And the engine computes what the law computes."""
    assert graph.node("input").attrs["dtype"] == "u8"
    last = max(i for i, node in enumerate(graph.nodes) if "weight" in node.tensors)
    floats = {"affine", "relu", "quantize", "sign", "prelu", "conv2d", "dense"}
    assert not floats & {node.op for node in graph.nodes[:last]}
    assert np.array_equal(Session(graph)(pictures(16, 5)), Session(graph, backend="reference")(pictures(16, 5)))


def test_even_weights_on_odd_codes_are_exact_floats(tmp_path: Path) -> None:
    """Padded taps add nothing, as in training; the report says what the file holds."""
    model, path = net("xnor[first=planes, weight=linear, activation=xnor-k]"), tmp_path / "net.xnor.safetensors"
    written = export(model, torch.zeros(1, 2, 8, 8), path)
    row = next(row for row in written.layers if row.name == "blocks.0.conv")
    assert (row.op, row.packed) == ("conv2d", False) and "integers of quantizer linear" in row.why
    report = verify(model, path, pictures(64))
    assert report.ok and report.mismatches == 0, report.first_difference
    compared = {row.name: row for row in report.layers}
    assert compared["blocks.0.conv"].kind == "integers" and compared["blocks.0.conv"].compared > 1000


@pytest.mark.parametrize(("spec", "why"), [
    ("qnn[activation=log]", "1-bit weights on floats"),
    ("qnn[activation=log, activation.bits=2, weight=log]", "integers of quantizer log are no sum")])  # fmt: skip
def test_log_activations_run_on_floats_and_the_report_says_so(spec: str, why: str, tmp_path: Path) -> None:
    model, path = net(spec), tmp_path / "net.xnor.safetensors"
    written = export(model, torch.zeros(1, 2, 8, 8), path, input_dtype="u8")
    rows = {row.name: row for row in written.layers}
    assert not rows["blocks.0.conv.input"].packed and "powers of two" in rows["blocks.0.conv.input"].why
    assert max(array.size for key, array in written.graph.tensors.items() if "over" in key or "step" in key) <= 20
    assert "sign" not in {row.op for row in written.layers}, "its comparisons are no signs of the net's own"
    report = verify(model, path, pictures(64))
    assert report.ok and report.mismatches == 0, report.first_difference
    assert why in rows["blocks.0.conv"].why and rows["blocks.0.conv"].packed == ("weight=log" not in spec)


@pytest.mark.parametrize(("bits", "top"), [(1, 0), (2, 1), (4, 2), (6, 3)])
def test_a_power_is_reached_at_its_edge_and_not_before(bits: int, top: int) -> None:
    edges = torch.tensor(power_edges(bits, top))
    want = torch.exp2(torch.arange(top - (1 << bits) + 2, top + 1).float())
    assert torch.equal(power_values(edges, bits, top), want)
    below = torch.nextafter(edges, torch.tensor(0.0))
    assert torch.equal(power_values(below, bits, top), torch.cat([torch.zeros(1), want[:-1]]))
    model = nn.Sequential(BinaryActivation(LogActivation(bits, top)))
    x = torch.cat([edges, below, -edges, torch.zeros(1), torch.rand(512) * 2.0 ** (top + 1)]).view(1, -1, 1, 1)
    got = Session(to_graph(model, x))(x.permute(0, 2, 3, 1).numpy())
    assert np.array_equal(got.reshape(-1), model(x).flatten().numpy())


@pytest.mark.parametrize("spec", ["ttq", "binaryconnect[weight.evaluate=real]"])
def test_real_values_are_packed_as_floats_and_the_report_names_the_quantizer(spec: str, tmp_path: Path) -> None:
    written = export(net(spec), torch.zeros(1, 2, 8, 8), tmp_path / "net.xnor.safetensors", input_dtype="u8")
    row = next(row for row in written.layers if row.name == "blocks.0.conv")
    assert not row.packed and find_scheme(spec).weight.name in row.why and "real numbers" in row.why


def test_weights_that_no_operator_holds_are_refused() -> None:
    layer = FewBitConv2d(256, 3, 3, weight=LinearWeight(8), activation=XnorK(8))
    with pytest.raises(UnsupportedError, match="no planes of signs, on odd codes, with sums up to"):
        to_graph(nn.Sequential(layer), torch.zeros(1, 256, 8, 8))


def test_pixels_are_asked_for() -> None:
    model = nn.Sequential(FewBitConv2d(2, 3, 3, weight="sign", activation="pixels"), nn.Flatten(), nn.Linear(108, 4))
    assert to_graph(model, torch.zeros(1, 2, 8, 8)).node("input").attrs["dtype"] == "u8"
    with pytest.raises(UnsupportedError, match="layer of codes on a f32"):
        to_graph(model, torch.zeros(1, 2, 8, 8), input_dtype="f32")


def test_a_users_own_net_of_codes(tmp_path: Path) -> None:
    """Flattens before a batch norm, groups, strides, dilation, standing quantizers of both kinds of codes."""
    model = nn.Sequential(
        Int8Conv2d(2, 12, 3, padding=1), nn.BatchNorm2d(12), nn.ReLU(),
        FewBitConv2d(12, 18, 3, stride=2, padding=1, groups=3, weight=DorefaWeight(2), activation=LinearActivation(3)),
        nn.MaxPool2d(2, 1), nn.BatchNorm2d(18),
        FewBitConv2d(18, 10, (1, 2), dilation=(1, 2), padding=(0, 1), weight="twn", activation=XnorK(3), bias=True),
        nn.MaxPool2d(2), nn.Flatten(), nn.BatchNorm1d(10),
        FewBitLinear(10, 16, weight="sign", activation=DorefaActivation(2)), nn.BatchNorm1d(16),
        BinaryActivation(DorefaActivation(3)), nn.Linear(16, 6))  # fmt: skip
    case = Case("codes", lambda: model, (2, 8, 8), False)
    model, path = seen(randomized(case, 3)), tmp_path / "net.xnor.safetensors"
    report = export(model, torch.zeros(1, 2, 8, 8), path)
    found = verify(model, path, pictures(80))
    assert found.ok, found.first_difference
    assert [row.kind for row in found.layers].count("codes") == 3
    assert sum(node.op == "multithreshold" for node in report.graph.nodes) == 4


@pytest.mark.parametrize("values", [(-1, 1), (-1, 0, 1), (0,), (1,), (-3, -1, 1, 3), (5, -7), (15, -15, 1)])
def test_planes_mean_their_weights(values: tuple[int, ...]) -> None:
    weight = np.random.default_rng(0).choice(np.array(values), (4, 3, 3, 5))
    weight.flat[0] = values[0]
    planes, levels = planes_of(weight)  # type: ignore[misc]
    assert np.array_equal(weight_values(planes, levels), weight)


@pytest.mark.parametrize("values", [(-1, 0, 2), (2, -2), (17, 1), (0, 3)])
def test_other_integers_have_no_planes(values: tuple[int, ...]) -> None:
    assert planes_of(np.array(values)) is None


def test_float_sums_of_ternary_weights_round_as_their_planes_do(tmp_path: Path) -> None:
    """A weight 0 is +x and -x halved: of 1000, 1000 and 0.001, weighted 0, 0 and 1, a rounding of 1000 is left."""
    layer, path = FewBitLinear(3, 2, weight="twn", activation="real", bias=False), tmp_path / "net.xnor.safetensors"
    with torch.no_grad():
        layer.weight.copy_(torch.tensor([[0.01, -0.01, 1.0], [1.0, 1.0, 1.0]]))
    model = nn.Sequential(nn.ReLU(), layer).eval()
    export(model, torch.zeros(1, 3), path)
    x = np.array([[1000.1, 1000.3, 0.0013], [7.1, 300.7, 0.0017]], np.float32)
    found = verify(model, path, x).require()
    assert 0 < found.logits_max_abs_diff < 1e-3
