"""Export: whatever a user writes comes out packed and equal, or as one clear error."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from export_cases import CASES, Case, lenet, randomized
from torch import Tensor, nn

from xnorkit.errors import ParityError, RangeError, ShapeError, UnsupportedError
from xnorkit.export import export, to_graph, verify
from xnorkit.graph.store import load
from xnorkit.nn import BinaryConv2d, BinaryLinear, Int8Linear, Pixels
from xnorkit.runtime.session import Session


def _images(case: Case, count: int, seed: int = 0) -> np.ndarray:
    c, h, w = case.shape
    return np.random.default_rng(seed).integers(0, 256, (count, h, w, c)).astype(np.uint8)


@pytest.mark.filterwarnings("ignore:Using padding='same'")
@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_packed_equals_trained(case: Case, seed: int, tmp_path: Path) -> None:
    model = randomized(case, seed)
    path = tmp_path / "net.xnor.safetensors"
    export(model, torch.zeros(1, *case.shape), path, input_dtype="u8")
    report = verify(model, path, _images(case, 60, seed))
    assert report.ok, report.first_difference
    assert report.layers and report.n == 60
    if case.exact:
        assert report.logits_max_abs_diff == 0.0
        assert all(row.binding for row in report.layers)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_engine_equals_reference(case: Case) -> None:
    graph = to_graph(randomized(case, 7), torch.zeros(1, *case.shape), input_dtype="u8")
    images = _images(case, 20)
    engine, law = Session(graph)(images), Session(graph, backend="reference")(images)
    if case.exact:
        assert np.array_equal(engine, law)
    else:
        np.testing.assert_allclose(engine, law, rtol=1e-5, atol=1e-5)


def test_lenet_has_no_float_between_pixels_and_logits(tmp_path: Path) -> None:
    report = export(lenet(), torch.zeros(1, 1, 28, 28), tmp_path / "net.xnor.safetensors")
    ops = [node.op for node in report.graph.nodes]
    assert ops == ["input", "qconv2d", "threshold", "max_pool2d", "bconv2d", "threshold", "max_pool2d", "flatten",
                   "bdense", "threshold", "qdense", "affine"]  # fmt: skip
    assert [(row.name, row.weights) for row in report.layers if row.packed] == [("3", 11 * 9 * 6), ("7", 275 * 30)]
    assert load(tmp_path / "net.xnor.safetensors").nodes == report.graph.nodes


def test_signs_behind_shift_based_norms_are_thresholds_on_integers(tmp_path: Path) -> None:
    """Every sign of the net is one comparison; the file holds no float but the last affine."""
    case = next(case for case in CASES if case.name == "shifted")
    report = export(randomized(case, 3), torch.zeros(1, *case.shape), tmp_path / "net.xnor.safetensors")
    ops = [node.op for node in report.graph.nodes]
    assert ops.count("threshold") == 4 and "sign" not in ops and ops[-1] == "affine" and ops.count("affine") <= 2


def test_model_modes_are_restored() -> None:
    model = lenet().train()
    model[3].eval()
    to_graph(model, torch.zeros(1, 1, 28, 28))
    assert model.training and not model[3].training


def test_verify_names_the_first_difference(tmp_path: Path) -> None:
    model = randomized(CASES[0], 1)
    path = tmp_path / "net.xnor.safetensors"
    export(model, torch.zeros(1, 1, 28, 28), path)
    with torch.no_grad():
        model[3].weight[0, 0, 0, 0] *= -1
    report = verify(model, path, _images(CASES[0], 40))
    assert not report.ok and "layer 3 (integers)" in report.first_difference
    with pytest.raises(ParityError, match="layer 3"):
        report.require()


def test_verify_names_a_float_at_its_threshold() -> None:
    """A stem 1 - x, a rounding less in the file: at x = 1 the sign turns, and with it the class."""
    model = nn.Sequential(nn.Conv2d(1, 1, 1), nn.Flatten(), BinaryLinear(4, 2)).eval()
    with torch.no_grad():
        model[0].weight.fill_(-1.0)
        model[0].bias.fill_(1.0)
        model[2].weight.copy_(torch.tensor([[1.0], [-1.0]]).expand(2, 4))
    graph = to_graph(model, torch.zeros(1, 1, 2, 2))
    images = np.stack([np.full((2, 2, 1), v, np.float32) for v in (1.0, 0.0, 2.0)])
    assert verify(model, graph, images).ok
    graph.tensors[graph.node("0").tensors["bias"]][:] = np.nextafter(np.float32(1), np.float32(0))
    report = verify(model, graph, images)
    assert (report.ok, report.mismatches, report.ties) == (False, 1, 1)
    assert "picture 0" in report.first_difference and "from a threshold" in report.first_difference
    graph.tensors[graph.node("0").tensors["bias"]][:] = 0.5
    report = verify(model, graph, np.full((1, 2, 2, 1), 0.75, np.float32))
    assert (report.mismatches, report.ties) == (1, 0)


def test_verify_refuses_another_model(tmp_path: Path) -> None:
    path = tmp_path / "net.xnor.safetensors"
    export(lenet(), torch.zeros(1, 1, 28, 28), path)
    other = nn.Sequential(nn.Flatten(), Int8Linear(784, 10, input_scale=1 / 255))
    with pytest.raises(ShapeError, match="exported from another model"):
        verify(other, path, _images(CASES[0], 2))


@pytest.mark.parametrize(("name", "dtype"), [("lenet", "u8"), ("vectors", "u8"), ("residual", "f32")])
def test_auto_takes_pixels_where_an_int8_layer_reads_them(name: str, dtype: str) -> None:
    case = next(case for case in CASES if case.name == name)
    graph = to_graph(case.build(), torch.zeros(1, *case.shape))
    assert graph.node("input").attrs["dtype"] == dtype


class _Softplus(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return nn.functional.softplus(x)


def _channels_into_pixels() -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.Unflatten(1, (4, 3, 3)), nn.PixelShuffle(2), BinaryConv2d(1, 2, 3))


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (nn.Sequential(nn.Conv2d(4, 2, 3), _Softplus()), r"\[export\] 1: aten.softplus.default.*\n?.*hint"),
        (nn.Sequential(nn.MaxPool2d(2, dilation=2, stride=1)), "dilation"),
        (nn.Sequential(nn.BatchNorm2d(4, track_running_stats=False)), "batch statistics"),
        (_channels_into_pixels(), "moves channels into pixels"),
    ],
    ids=["operator", "dilated_pool", "batch_statistics", "pixel_shuffle"],
)
def test_what_cannot_be_lowered_is_one_clear_error(model: nn.Module, message: str) -> None:
    with pytest.raises(UnsupportedError, match=f"(?s){message}"):
        to_graph(model, torch.zeros(1, 4, 3, 3) if "pixels" in message else torch.zeros(1, 4, 8, 8))


class _Branching(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x if x.sum() > 0 else -x


def test_branches_on_values_are_refused() -> None:
    with pytest.raises(UnsupportedError, match=r"torch\.export refused"):
        to_graph(_Branching(), torch.zeros(1, 4, 8, 8))


def test_diverged_weights_are_refused() -> None:
    model = nn.Sequential(nn.Flatten(), BinaryLinear(16, 4))
    with torch.no_grad():
        model[1].weight[0, 0] = float("nan")
    with pytest.raises(RangeError, match=r"1\.weight: got NaN"):
        to_graph(model, torch.zeros(1, 1, 4, 4))


def test_shared_sign_is_computed_once() -> None:
    class Twice(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a, self.b = BinaryConv2d(4, 4, 1), BinaryConv2d(4, 4, 1)

        def forward(self, x: Tensor) -> Tensor:
            return self.a(x) + self.b(x)

    ops = [node.op for node in to_graph(Twice(), torch.zeros(1, 4, 3, 3)).nodes]
    assert ops.count("sign") == 1 and ops.count("bconv2d") == 2


def test_a_layer_with_k_has_the_floats_of_training() -> None:
    """No float layer around it: pixels to the last sum, every bit equal; the product joins the convolution's step."""
    torch.manual_seed(3)
    model = nn.Sequential(
        Pixels([0.4], [0.3]), BinaryConv2d(1, 33, 3, padding=1, kmap=True, bias=True),
        BinaryConv2d(33, 20, 3, stride=2, padding=1, dilation=2, kmap=True, bias=True)).eval()  # fmt: skip
    graph = to_graph(model, torch.zeros(1, 1, 13, 11), input_dtype="u8")
    images = np.random.default_rng(0).integers(0, 256, (5, 13, 11, 1)).astype(np.uint8)
    with torch.no_grad():
        expected = model(torch.from_numpy(images.astype(np.float32)).permute(0, 3, 1, 2)).permute(0, 2, 3, 1).numpy()
    session = Session(graph)
    np.testing.assert_array_equal(session(images), expected)
    assert session.program is not None and len(session.program.steps) == 5  # pixels + sign, (K, layer) twice
