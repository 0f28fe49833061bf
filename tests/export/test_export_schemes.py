"""Nets of whole schemes, as training leaves them, come out packed and equal."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import xnorkit
from xnorkit.errors import UnsupportedError
from xnorkit.export import export, to_graph, verify
from xnorkit.nn import BinaryConv2d, BinaryLinear, set_progress_
from xnorkit.runtime.session import Session

ONE_BIT = (
    "bnn-plus", "bi-real", "bi-real[weight.gradient=code]", "xnor++", "ir-net", "reactnet",
    "reactnet[order=cbap, shortcut=false]", "real-to-binary", "xnor[shortcut=true, nonlinearity=prelu]",
)  # fmt: skip
LEARNED = ("input_", "weight_", "gamma", "zeta", "slope", "act.weight", "gate")


def trained(spec: str, seed: int = 0, **options: object) -> nn.Module:
    """A small net with batch-norm statistics of its data, negative gammas, learned numbers off their start."""
    torch.manual_seed(seed)
    model = xnorkit.create_model("vgg_small", method=spec, input_size=16, stages=[[8], [8, 16], [24]], **options)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if any(part in name for part in LEARNED):
                parameter.add_(0.2 * torch.randn_like(parameter))
        for module in model.modules():
            if isinstance(module, nn.BatchNorm2d):
                nn.init.normal_(module.weight)
                nn.init.normal_(module.bias)
        set_progress_(model, 0.5)
        for _ in range(6):
            model.train()(torch.from_numpy(pictures(16, seed).astype(np.float32)).permute(0, 3, 1, 2))
    return model.eval()


def pictures(count: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (count, 16, 16, 1)).astype(np.uint8)


@pytest.mark.parametrize("spec", ONE_BIT)
def test_a_net_of_a_scheme_is_packed_and_equal(spec: str, tmp_path: Path) -> None:
    model, path = trained(spec), tmp_path / "net.xnor.safetensors"
    report = export(model, torch.zeros(1, 1, 16, 16), path)
    inner = [row for row in report.layers if row.name.startswith("blocks") and row.op != "sign"]
    hidden = [row for row in inner if ".gate" not in row.name]  # whose dense layers stay float
    assert len(hidden) == 3 and all(row.packed for row in hidden)
    found = verify(model, path, pictures(60)).require()
    assert not any(row.different for row in found.layers if row.kind == "integers")


@pytest.mark.parametrize("spec", ["bnn", "reactnet[last=float, gate=8]"])
def test_scores_of_the_mean_of_the_last_map(spec: str, tmp_path: Path) -> None:
    """``vgg_small``'s head: fewer weights, and the packed net is equal."""
    model, path = trained(spec, head="mean"), tmp_path / "net.xnor.safetensors"
    weights = next(value for name, value in model.named_parameters() if name.startswith("head") and value.ndim == 2)
    assert weights.shape == (10, 24)
    export(model, torch.zeros(1, 1, 16, 16), path)
    found = verify(model, path, pictures(60)).require()
    assert not any(row.different for row in found.layers if row.kind == "integers")


def test_real_values_stay_float_weights_and_agree(tmp_path: Path) -> None:
    model, path = trained("adabin"), tmp_path / "net.xnor.safetensors"
    report = export(model, torch.zeros(1, 1, 16, 16), path)
    assert {row.op for row in report.layers if row.name.startswith("blocks")} == {"conv2d", "sign"}
    verify(model, path, pictures(60)).require()


def test_shortcuts_that_double_the_channels_join_the_value_with_itself() -> None:
    ops = [node.op for node in to_graph(trained("bi-real"), torch.zeros(1, 1, 16, 16)).nodes]
    assert ops.count("concat") == 1 and ops.count("add") == 2


def test_learned_thresholds_without_a_shortcut_become_integer_thresholds() -> None:
    """RSign and a growing RPReLU fold into the batch norm before them: no float is left between the ends."""
    model = trained("reactnet[shortcut=false]")
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if name.endswith("slope"):
                parameter.abs_()
    ops = [node.op for node in to_graph(model, torch.zeros(1, 1, 16, 16)).nodes]
    assert "sign" not in ops and "prelu" not in ops and ops.count("threshold") == 4


class Joined(nn.Module):
    """Vectors, one of them a flattened picture, one behind the other."""

    def __init__(self, axis: int = 1) -> None:
        super().__init__()
        self.axis, self.conv = axis, BinaryConv2d(3, 5, 3)
        self.dense, self.head = BinaryLinear(60, 7), BinaryLinear(60 + 7 + 60, 4)

    def forward(self, x: Tensor) -> Tensor:
        flat = self.conv(x).flatten(1)
        return self.head(torch.cat([flat, self.dense(flat), flat * 0.5 - 1], self.axis) - 0.3)


def test_joined_features_keep_their_order() -> None:
    torch.manual_seed(2)
    model, x = Joined().eval(), torch.randn(9, 3, 5, 6)
    graph = to_graph(model, x[:1])
    with torch.no_grad():
        np.testing.assert_array_equal(Session(graph)(x.permute(0, 2, 3, 1).numpy()).reshape(9, 4), model(x))


class Gated(nn.Module):
    """Squeeze-and-excitation as users write it, or a product nothing is lowered to."""

    def __init__(self, by_channel: bool = True) -> None:
        super().__init__()
        self.conv, self.gate, self.by_channel = BinaryConv2d(3, 6, 3), nn.Linear(3, 6), by_channel

    def forward(self, x: Tensor) -> Tensor:
        gate = torch.sigmoid(self.gate(x.mean((2, 3)))).view(-1, 6, 1, 1)
        y = self.conv(x)
        return gate * y if self.by_channel else y * y


def test_a_gate_multiplies_channels_from_either_side() -> None:
    torch.manual_seed(4)
    model, x = Gated().eval(), torch.randn(5, 3, 6, 7)
    graph = to_graph(model, x[:1])
    assert [node.op for node in graph.nodes].count("scale_channels") == 1
    with torch.no_grad():
        np.testing.assert_allclose(Session(graph)(x.permute(0, 2, 3, 1).numpy()), model(x).permute(0, 2, 3, 1),
                                   rtol=1e-5, atol=1e-6)  # fmt: skip


def test_other_products_are_refused() -> None:
    with pytest.raises(UnsupportedError, match="a product of values"):
        to_graph(Gated(by_channel=False), torch.zeros(1, 3, 6, 7))


class Stacked(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([x, x], 2)


def test_joins_along_another_axis_are_refused() -> None:
    with pytest.raises(UnsupportedError, match="along axis 2"):
        to_graph(Stacked(), torch.zeros(1, 3, 4, 4))
