"""Runs with a teacher, and runs that begin with another net's tensors."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tiny_run import Tiny, checksum, split, train
from torch import nn

from xnorkit.errors import CheckpointError, RecipeError, ShapeError, XnorkitError
from xnorkit.models import create_model
from xnorkit.reference import distillation as law
from xnorkit.train import Result, load_checkpoint, run
from xnorkit.train.begin import begin_with
from xnorkit.train.checkpoint import CheckpointInfo, save
from xnorkit.train.data import Split
from xnorkit.train.losses import make
from xnorkit.train.objective import Distilled
from xnorkit.train.options import DistillOptions, TrainOptions
from xnorkit.train.recipe import Recipe

SMALL = {"name": "vgg_small", "options": {"stages": [[8], [8, 8]]}}
RECIPE: dict[str, Any] = {
    "name": "small", "model": {**SMALL, "method": "xnor"}, "optim": {"lr": 0.01},
    "train": {"epochs": 2, "batch": 30},
}  # fmt: skip
DATA = (split(300, 0, "train"), split(90, 1, "test"))


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def small(out: Path, *overrides: str, data: tuple[Split, Split] = DATA, **options: Any) -> Result:
    """The recipe on the stripes: 10 steps an epoch."""
    return run(RECIPE, out=out, overrides=overrides, data=data, device="cpu", tensorboard=False,
               **{"progress": "none", **options})  # fmt: skip


@pytest.fixture(scope="module")
def teacher(tmp_path_factory: pytest.TempPathFactory) -> Result:
    return small(tmp_path_factory.mktemp("teacher") / "run", "model.method=fp32", "train.epochs=4")


def test_the_objective_is_its_law() -> None:
    torch.manual_seed(0)
    master, student = (create_model(**SMALL["options"], name="vgg_small", method=m, num_classes=3, input_size=8)
                       for m in ("fp32", "xnor"))  # fmt: skip
    images, labels = torch.randint(0, 256, (6, 1, 8, 8)).float(), torch.arange(6) % 3
    options = DistillOptions(attention=("blocks.0", "blocks.1=blocks.1.norm"))
    with pytest.raises(ShapeError, match=r"maps of blocks\.1=.*expected \(C, H, W\) with the same"):
        Distilled(make(TrainOptions()), options, master, student, (8, 8, 1))
    options = DistillOptions(loss="hinton", weight=0.3, temperature=2.0, attention=("blocks.0", "blocks.1"),
                             attention_weight=5.0)  # fmt: skip
    objective = Distilled(make(TrainOptions()), options, master, student, (8, 8, 1))
    kept: dict[str, list[np.ndarray]] = {"blocks.0": [], "blocks.1": []}
    for model in (student, master):
        for name, maps in kept.items():
            model.get_submodule(name).register_forward_hook(
                lambda module, inputs, output, maps=maps: maps.append(output.detach().double().numpy())
            )
    with objective.watching():
        scores = student.train()(images)
    total, parts = objective(scores, labels, images)
    with torch.no_grad():
        s, t = scores.double().numpy(), master(images).double().numpy()
    wanted = [law.cross_entropy(s, labels.numpy()), law.hinton(s, t, 2.0),
              sum(law.attention(maps[0], maps[1]) for maps in kept.values())]  # fmt: skip
    assert objective.parts == ("labels", "hinton", "attention")
    np.testing.assert_allclose(parts.numpy(), wanted, rtol=1e-5)
    assert total.item() == pytest.approx(law.mixed(*wanted, 0.3, 5.0), rel=1e-5)
    total.backward()
    assert student.stem.weight.grad.abs().sum() > 0 and all(p.grad is None for p in master.parameters())
    assert not master.training
    objective.close()
    assert not student.get_submodule("blocks.1").get_submodule("conv")._forward_hooks


@pytest.mark.parametrize("loss", ["distribution", "logits", "none", "hinton"])
def test_a_taught_run_shows_its_parts_and_resumes(
    tmp_path: Path, teacher: Result, loss: str, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = [f"distill.teacher={teacher.out}", f"distill.loss={loss}", "distill.attention=[blocks.0]"]
    whole = small(tmp_path / "whole", *asked, progress="plain")
    names = ["labels", *([loss] if loss != "none" else []), "attention"]
    rows = [json.loads(line) for line in (whole.out / "metrics.jsonl").read_text().splitlines()]
    for row in rows:
        assert [key for key in row if key.startswith("train_loss_")] == [f"train_loss_{name}" for name in names]
        share = {"distribution": 1.0, "logits": 1.0, "none": 0.0, "hinton": 0.5}[loss]
        wanted = (1 - share) * row["train_loss_labels"] + share * row.get(f"train_loss_{loss}", 0.0)
        assert row["train_loss"] == pytest.approx(wanted + row["train_loss_attention"], rel=1e-5)
    assert f"(labels {rows[0]['train_loss_labels']:.4f}, " in capsys.readouterr().err
    saved = load_checkpoint(whole.out / "best")[0].state_dict()
    assert set(saved) == set(create_model(**whole.model.config).state_dict())
    assert checksum(whole.model) != checksum(small(tmp_path / "alone").model)


def test_a_stopped_taught_run_ends_the_same(tmp_path: Path, teacher: Result, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = [f"distill.teacher={teacher.out / 'best'}", "distill.attention=[blocks.0]", "data.shift=1"]
    whole = small(tmp_path / "whole", *asked)
    steps = iter(range(100))
    with monkeypatch.context() as patch:
        patch.setattr("xnorkit.train.loop.Trainer._asked_to", lambda self, stop: next(steps) == 13)
        with pytest.raises(KeyboardInterrupt):
            small(tmp_path / "cut", *asked)
    again = small(tmp_path / "cut", *asked, resume="always")
    assert checksum(again.model) == checksum(whole.model)
    for left, right in zip(again.history, whole.history, strict=True):
        assert {**left, "seconds": 0} == {**right, "seconds": 0}


def test_another_teacher_is_no_resumption_but_a_moved_one_is(tmp_path: Path, teacher: Result) -> None:
    small(tmp_path / "run", f"distill.teacher={teacher.out}")
    moved = teacher.out.rename(teacher.out.with_name("moved"))
    try:
        small(tmp_path / "run", f"distill.teacher={moved}", resume="always")
        with pytest.raises(CheckpointError, match="teacher is not the one"):
            small(tmp_path / "run", f"distill.teacher={tmp_path / 'run'}")
        with pytest.raises(CheckpointError, match="teacher is not the one"):
            small(tmp_path / "run")
    finally:
        moved.rename(teacher.out)


def other(classes: tuple[str, ...], size: int = 8) -> tuple[Split, Split]:
    """Noise of those classes and that size."""
    rng = np.random.default_rng(0)
    made = [Split(rng.integers(0, 256, (n, size, size, 1)).astype(np.uint8), np.arange(n) % len(classes), classes,
                  "noise", name) for n, name in ((60, "train"), (60, "test"))]  # fmt: skip
    return made[0], made[1]


@pytest.mark.parametrize(
    ("data", "asked", "error", "why"),
    [
        (DATA, "distill.teacher=nowhere", CheckpointError, r"\[nowhere\] no such checkpoint \(distill.teacher\)"),
        (other(("a", "b")), "", CheckpointError, "another number of classes: got 3, expected 2"),
        (other(("one", "three", "two")), "", CheckpointError, "the teacher's class 1: got two, expected three"),
        (other(("one", "two", "three"), 10), "", CheckpointError, r"reads other pictures: got \(8, 8, 1\)"),
        (DATA, "distill.teacher=stage:previous", RecipeError, "names a stage"),
        (DATA, "distill.attention=[blocks.7]", RecipeError, "no such module of the student: got blocks.7"),
        (DATA, "distill.attention=[blocks.0=head]", ShapeError, "maps of blocks.0=head"),
        (DATA, "distill.loss=none", RecipeError, r"\[distill.loss\] nothing of the teacher is matched"),
        (DATA, "distill.weight=1.5", RecipeError, "at most 1"),
        (DATA, "model.init=nowhere", CheckpointError, r"no such checkpoint \(model.init\)"),
    ],
)
def test_what_does_not_fit_is_refused_before_anything_is_written(
    tmp_path: Path, teacher: Result, data: tuple[Split, Split], asked: str, error: type[XnorkitError], why: str
) -> None:
    with pytest.raises(error, match=why):
        small(tmp_path / "run", f"distill.teacher={teacher.out}", *([asked] if asked else []), data=data)
    assert not (tmp_path / "run").exists()


def test_a_damaged_teacher_is_refused(tmp_path: Path, teacher: Result) -> None:
    model = create_model(**teacher.model.config)
    save(tmp_path / "t", model, CheckpointInfo(Recipe(), model.config, DATA[0].classes, (8, 8, 1), "stripes"))
    data = (tmp_path / "t" / "model.safetensors").read_bytes()
    (tmp_path / "t" / "model.safetensors").write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    with pytest.raises(CheckpointError, match="damaged"):
        small(tmp_path / "run", f"distill.teacher={tmp_path / 't'}")


def test_teachers_that_are_modules(tmp_path: Path, teacher: Result) -> None:
    """A module of the caller's own teaches as it is, or is filled from the checkpoint it was trained into."""
    mine = train(str(tmp_path / "mine"), ("train.epochs=1",), progress="none")
    with pytest.raises(CheckpointError, match="pass one"):
        small(tmp_path / "run", f"distill.teacher={mine.out}")
    by_path = small(tmp_path / "path", f"distill.teacher={mine.out}", teacher=Tiny())
    by_hand = small(tmp_path / "hand", teacher=mine.model)
    assert checksum(by_path.model) == checksum(by_hand.model)
    assert all(p.requires_grad for p in mine.model.parameters())
    wrong = nn.Sequential(nn.Flatten(), nn.Linear(64, 4))
    with pytest.raises(ShapeError, match=r"\[distill.teacher\] scores: got \(4,\), expected \(3,\)"):
        small(tmp_path / "wrong", teacher=wrong)


def net(method: str, width: int = 8) -> nn.Module:
    return create_model("vgg_small", method, num_classes=3, stages=[[width], [8, 8]], input_size=8)


def test_tensors_of_another_scheme_are_taken_and_learned_numbers_start_anew() -> None:
    first, second = net("xnor++[weight=real]"), net("xnor++")
    with torch.no_grad():
        first.blocks[0].conv.weight.mul_(3)
        first.blocks[0].norm.running_mean.fill_(2)
    begin_with(second, first.state_dict(), "first")
    weight = second.blocks[0].conv.weight
    assert torch.equal(weight, first.blocks[0].conv.weight) and bool((second.blocks[0].norm.running_mean == 2).all())
    torch.testing.assert_close(second.blocks[0].conv.weight_scale, weight.abs().mean((1, 2, 3)))
    back = net("xnor++[weight=real]")
    begin_with(back, second.state_dict(), "second")
    again = net("xnor++")
    second.blocks[0].conv.weight_scale.data.fill_(7)
    begin_with(again, second.state_dict(), "second")
    assert bool((again.blocks[0].conv.weight_scale == 7).all())


@pytest.mark.parametrize(
    ("method", "width", "why"),
    [("xnor", 16, "other shapes of"), ("reactnet", 8, r"also blocks\.0\.act\.\w+"), ("fp32", 8, "without stem_rest")],
)
def test_tensors_of_another_net_are_refused(method: str, width: int, why: str) -> None:
    model = net("xnor")
    before = checksum(model)
    with pytest.raises(CheckpointError, match=why):
        begin_with(model, net(method, width).state_dict(), "other")
    assert checksum(model) == before


def test_a_run_begins_with_another_and_resumes_without_it(tmp_path: Path) -> None:
    first = small(tmp_path / "first", "model.options.weight=real")
    asked = [f"model.init={first.out}", "optim.lr=1e-9", "train.epochs=1"]
    second = small(tmp_path / "second", *asked)
    torch.testing.assert_close(second.model.stem.weight, first.model.stem.weight, atol=1e-6, rtol=0)
    first.out.rename(tmp_path / "gone")
    assert checksum(small(tmp_path / "second", *asked, resume="always").model) == checksum(second.model)
