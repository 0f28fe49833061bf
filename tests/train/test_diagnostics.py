"""Diagnostics see what is there, name it, and change nothing."""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from tiny_run import RECIPE, Tiny, checksum, split, train
from torch import nn

from xnorkit.errors import RangeError
from xnorkit.nn import BinaryConv2d, BinaryLinear
from xnorkit.reference import mlp
from xnorkit.train import load_checkpoint, run
from xnorkit.train.diagnostics import Diagnostics, Limits, Report

DEPTH = 12


def fit(model: nn.Module, *, steps: int = 5, rate: float = 0.1, shape: tuple[int, ...] = (32, 20), clip: float = 0.0,
        after: Callable[[nn.Module], Any] = lambda model: None, **options: Any) -> Report:  # fmt: skip
    """Some steps on random data, watched."""
    generator = torch.Generator().manual_seed(1)
    optimizer = torch.optim.SGD(model.parameters(), lr=rate)
    with Diagnostics(model, **options) as watch:
        for _ in range(steps):
            x = torch.randn(shape, generator=generator)
            optimizer.zero_grad()
            y = model(x)
            y = y[0] if isinstance(y, tuple) else y
            F.mse_loss(y.flatten(1)[:, :1], x.flatten(1).sum(1, keepdim=True).tanh()).backward()
            if clip:
                nn.utils.clip_grad_norm_(model.parameters(), clip)
            optimizer.step()
            after(model)
            watch.step()
    return watch.report()


def deep(activation: Callable[[], nn.Module], *, gain: float | None = None, norm: bool = False) -> nn.Sequential:
    """DEPTH hidden layers of 20; gain: weights of deviation gain / sqrt(20), else PyTorch's own."""
    torch.manual_seed(0)
    layers: list[nn.Module] = []
    for _ in range(DEPTH):
        layers += [nn.Linear(20, 20), *([nn.BatchNorm1d(20)] if norm else []), activation()]
    model = nn.Sequential(*layers, nn.Linear(20, 1))
    for module in model:
        if gain is not None and isinstance(module, nn.Linear):
            nn.init.normal_(module.weight, std=gain / 20**0.5)
            nn.init.zeros_(module.bias)
    return model


def kinds(report: Report) -> set[str]:
    return {finding.kind for finding in report.findings}


def test_a_deep_sigmoid_net_vanishes_and_its_cures_do_not() -> None:
    sick = fit(deep(nn.Sigmoid))
    (finding,) = sick.findings
    assert finding.kind == "vanishing" and finding.factor < 1e-3 and finding.layer in sick.factors
    assert np.prod(list(sick.factors.values())) == pytest.approx(sick.weighted[0].gradient / sick.weighted[-1].gradient)
    assert max(row.slope for row in sick.rows if row.slope is not None) <= 0.25
    assert "vanishing" not in kinds(fit(deep(nn.ReLU, gain=2**0.5)))
    assert "vanishing" not in kinds(fit(deep(nn.Sigmoid, norm=True, gain=4.0)))


def test_a_badly_scaled_net_explodes_and_its_cures_do_not() -> None:
    sick = fit(deep(nn.ReLU, gain=4.0), rate=1e-12)
    assert kinds(sick) == {"exploding"}
    (finding,) = sick.findings
    assert finding.factor > 1e3 and "a factor of" in finding.text and "He" in finding.cure
    assert not fit(deep(nn.ReLU, gain=2**0.5), rate=1e-3).findings
    assert "exploding" not in kinds(fit(deep(nn.ReLU, gain=4.0, norm=True), rate=1e-3))


def test_a_diverging_run_names_the_first_layer_with_nan_and_clipping_cures_it() -> None:
    sick = fit(deep(nn.ReLU, gain=4.0), rate=1.0, steps=8)
    assert kinds(sick) == {"broken"} and sick.findings[0].layer == sick.rows[0].name
    assert "broken" not in kinds(fit(deep(nn.ReLU, gain=4.0), rate=1e-3, steps=8, clip=1e-3))


def test_dead_units_are_counted() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(20, 10), nn.ReLU(), nn.Linear(10, 1))
    model[0].bias.data[:7] = -100.0
    report = fit(model, rate=1e-4)
    assert report.rows[1].dead == pytest.approx(0.7)
    assert [(f.kind, f.layer) for f in report.findings] == [("dead", "1")]
    model[0].bias.data.zero_()
    assert not fit(model, rate=1e-4).findings


def test_dead_channels_of_pictures_and_features_of_sequences() -> None:
    conv = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(inplace=True), nn.Flatten(), nn.Linear(4 * 16, 1))
    conv[0].bias.data[0] = -100.0
    assert fit(conv, shape=(8, 3, 6, 6), rate=1e-4).rows[1].dead == pytest.approx(0.25)
    steps = nn.Sequential(nn.Linear(5, 4), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 7, 1))
    steps[0].bias.data[:2] = -100.0
    assert fit(steps, shape=(8, 7, 5), rate=1e-4).rows[1].dead == pytest.approx(0.5)


def test_saturation_in_front_of_a_sign_and_of_sigmoids() -> None:
    torch.manual_seed(0)
    binary = nn.Sequential(BinaryLinear(20, 8), nn.BatchNorm1d(8), nn.Linear(8, 1))
    report = fit(binary)
    assert report.rows[0].saturation == pytest.approx(2 * (1 - 0.8413), abs=0.03)  # P(|x| > 1) of normal inputs
    sick = nn.Sequential(nn.BatchNorm1d(20), BinaryLinear(20, 8), nn.BatchNorm1d(8), nn.Linear(8, 1))
    nn.init.constant_(sick[0].weight, 50.0)
    assert ("saturated", "1") in {(f.kind, f.layer) for f in fit(sick, rate=1e-6).findings}
    squashed = nn.Sequential(nn.Linear(20, 8), nn.Tanh(), nn.Linear(8, 1))
    squashed[0].weight.data.mul_(500)
    assert ("saturated", "1") in {(f.kind, f.layer) for f in fit(squashed, rate=1e-6).findings}


def test_sign_flips_are_those_of_the_weights() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(BinaryLinear(20, 8), nn.BatchNorm1d(8), nn.Linear(8, 1))
    seen: list[torch.Tensor] = [model[0].weight.detach().clone()]
    report = fit(model, rate=0.3, after=lambda m: seen.append(m[0].weight.detach().clone()))
    shares = [float(((a < 0) != (b < 0)).float().mean()) for a, b in pairwise(seen)]
    assert report.rows[0].flips == pytest.approx(np.mean(shares)) and report.rows[0].flips > 0
    assert report.rows[1].flips is None and report.rows[2].flips is None
    frozen = fit(model, rate=0.0)
    assert {(f.kind, f.layer) for f in frozen.findings} == {("frozen", "0")}
    shaken = fit(model, after=lambda m: m[0].weight.data.neg_())
    assert ("restless", "0") in {(f.kind, f.layer) for f in shaken.findings} and shaken.rows[0].flips == 1.0


def test_further_parameters_can_be_watched_by_name() -> None:
    model = nn.Sequential(nn.Linear(20, 8), nn.Linear(8, 1))
    report = fit(model, binary=["1.weight"], after=lambda m: m[1].weight.data.neg_())
    assert report.rows[0].flips is None and report.rows[1].flips == 1.0
    for name in ("2.weight", "1.bias", "nothing"):
        with pytest.raises(RangeError, match="binary"):
            Diagnostics(model, binary=[name])
    with pytest.raises(RangeError, match="every"):
        Diagnostics(model, every=0)


def test_gradients_are_the_errors_of_the_four_equations() -> None:
    """|delta^l| of a torch net is that of the NumPy reference on the same weights."""
    rng = np.random.default_rng(0)
    net = mlp.initial((6, 5, 4, 3), rng, scale="fan_in")
    layers: list[nn.Module] = []
    for weight, bias in zip(net.weights, net.biases, strict=True):
        linear = nn.Linear(weight.shape[1], weight.shape[0], dtype=torch.float64)
        linear.weight.data, linear.bias.data = torch.from_numpy(weight), torch.from_numpy(bias)
        layers += [linear, nn.Sigmoid()]
    model = nn.Sequential(*layers)
    x, y = rng.standard_normal((7, 6)), rng.uniform(0, 1, (7, 3))
    with Diagnostics(model) as watch:
        (0.5 * (model(torch.from_numpy(x)) - torch.from_numpy(y)).square().sum() / 7).backward()
        watch.step()
    expected = [np.linalg.norm(error) / 7 for error in mlp.gradients(net, x, y).errors]
    assert [row.gradient for row in watch.report().weighted] == pytest.approx(expected, rel=1e-6)


class Odd(nn.Module):
    """A shared module, an in-place activation, tuple and mapping outputs, a layer nobody calls, a scalar weight."""

    def __init__(self) -> None:
        super().__init__()
        self.shared, self.never = nn.Linear(20, 20), nn.Linear(3, 3)
        self.inplace, self.pair, self.head = nn.ReLU(inplace=True), Pair(), nn.Linear(20, 1)

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, None]:
        for _ in range(3):
            x = self.inplace(self.shared(x))
        return self.head(self.pair(x)[1]["y"]), None


class Pair(nn.Module):
    """Gives (integers, {"y": floats})."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(()))

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        return x.argmax(1), {"y": x * self.weight}


@pytest.mark.parametrize("make", [Odd, lambda: deep(nn.Sigmoid, norm=True), lambda: nn.Linear(20, 1)])
def test_watching_changes_no_bit(make: Callable[[], nn.Module]) -> None:
    weights = []
    for watched in (False, True):
        torch.manual_seed(0)
        model = make()
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
        watch = Diagnostics(model, every=2) if watched else None
        for _ in range(6):
            y = model(torch.randn(16, 20))
            y = y[0] if isinstance(y, tuple) else y
            optimizer.zero_grad()
            y.square().mean().backward()
            optimizer.step()
            if watch is not None:
                watch.step()
        weights.append([p.detach().clone() for p in model.parameters()])
        if watch is not None:
            report = watch.report()
            assert report.steps == 3 and report.rows
            assert "never" not in [row.name for row in report.rows]
            assert json.loads(json.dumps(report.as_dict()))["steps"] == 3 and str(report)
            watch.close()
            assert not any(module._forward_hooks for module in model.modules())
    for a, b in zip(*weights, strict=True):
        assert torch.equal(a, b)


def test_frozen_parameters_and_passes_without_gradients() -> None:
    model = nn.Sequential(nn.Linear(20, 8), nn.ReLU(), nn.Linear(8, 1))
    model[0].requires_grad_(False)
    report = fit(model)
    assert report.rows[0].gradient is None and report.rows[0].weight_gradient is None and report.rows[0].update == 0
    with Diagnostics(model) as watch, torch.no_grad():
        model(torch.randn(4, 20))
        assert not watch.report().rows
    silent = nn.Sequential(nn.Linear(20, 1))
    with Diagnostics(silent) as watch:
        (silent(torch.randn(4, 20)).sum() * 0).backward()
        watch.step()
    assert kinds(watch.report()) == {"silent"}


def test_reset_begins_anew_and_limits_are_free() -> None:
    model = deep(nn.Sigmoid)
    watch = Diagnostics(model, limits=Limits(vanishing=1e-30))
    model(torch.randn(4, 20)).sum().backward()
    watch.step()
    assert watch.report().steps == 1 and not watch.report().findings
    watch.reset()
    report = watch.report()
    assert report.steps == 0 and all(row.gradient is None for row in report.rows) and not report.findings


def test_a_run_keeps_its_diagnosis_and_its_bits(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plain = train(str(tmp_path / "plain"), ("train.epochs=2",), progress="none")
    told = train(str(tmp_path / "told"), ("train.epochs=2", "train.diagnose=3"))
    for name in ("best", "last"):
        pair = [checksum(load_checkpoint(result.out / name, Tiny())[0]) for result in (plain, told)]
        assert pair[0] == pair[1]
    rows = [json.loads(line) for line in (told.out / "diagnostics.jsonl").read_text().splitlines()]
    assert rows == told.diagnoses and [row["epoch"] for row in rows] == [1, 2] and rows[0]["steps"] == 5
    binary = next(layer for layer in rows[0]["layers"] if layer["kind"] == "BinaryConv2d")
    assert 0 <= binary["saturation"] <= 1 and "flips" in binary
    assert (told.out / "diagnostics.png").read_bytes()[:4] == b"\x89PNG"
    assert not plain.diagnoses and not (plain.out / "diagnostics.jsonl").exists()
    again = train(str(tmp_path / "told"), ("train.epochs=2", "train.diagnose=3"), progress="none")
    assert again.diagnoses == rows


def test_tensorboard_has_the_figures_by_layer(tmp_path: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    data = (split(300, 0, "train"), split(90, 1, "test"))
    result = run(RECIPE, out=tmp_path, overrides=("train.epochs=2", "train.diagnose=5"), model=Tiny(), data=data,
                 device="cpu", progress="none")  # fmt: skip
    board = EventAccumulator(str(tmp_path / "tensorboard"))
    board.Reload()
    drawn = [event.value for event in board.Scalars("diagnostics/flips/body.2")]
    kept = [layer["flips"] for row in result.diagnoses for layer in row["layers"] if layer["name"] == "body.2"]
    assert drawn == pytest.approx(kept) and len(drawn) == 2
    assert "diagnostics/gradient/body.0" in board.Tags()["scalars"]


def test_findings_are_told_once_a_layer(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Latent weights that no step moves: frozen in every epoch, said in the first."""
    result = train(str(tmp_path / "run"), ("train.diagnose=1", "optim.lr=1e-12", "schedule.warmup=0"))
    assert all(("frozen", "body.2") in {(f["kind"], f["layer"]) for f in row["findings"]} for row in result.diagnoses)
    assert capsys.readouterr().err.count("body.2: no binary weight flipped in 13 steps; raise") == 1


def test_latent_weights_far_from_zero_freeze() -> None:
    """What no step can carry across 0 never flips; the same net begun near 0 does."""
    for magnitude, frozen in ((50.0, True), (0.01, False)):
        torch.manual_seed(0)
        model = nn.Sequential(nn.BatchNorm2d(3), BinaryConv2d(3, 8, 3, weight="sign"), nn.BatchNorm2d(8),
                              nn.Flatten(), nn.Linear(8 * 16, 1))  # fmt: skip
        model[1].weight.data.sign_().mul_(magnitude)
        report = fit(model, shape=(8, 3, 6, 6), rate=0.05)
        assert (("frozen", "1") in {(f.kind, f.layer) for f in report.findings}) is frozen
