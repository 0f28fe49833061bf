"""Runs in stages: what each begins with, where it is kept, and that no interruption changes the result."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from tiny_run import Tiny, checksum, split

from xnorkit.errors import CheckpointError, RecipeError, XnorkitError
from xnorkit.train import Result, load_checkpoint, run
from xnorkit.train.checkpoint import read_info
from xnorkit.train.recipe import dump, load, override, parse

RECIPE: dict[str, Any] = {
    "name": "staged", "model": {"name": "vgg_small", "method": "reactnet", "options": {"stages": [[8], [8, 8]]}},
    "optim": {"lr": 0.01}, "train": {"epochs": 2, "batch": 30, "clip_latent": False},
    "distill": {"teacher": "stage:teacher", "loss": "distribution"},
    "stages": [
        {"name": "teacher", "model": {"method": "fp32"}, "distill": {"teacher": None}, "train": {"epochs": 1}},
        {"name": "activations", "model.init": None, "model.options.weight": "real", "optim": {"weight_decay": 1e-5}},
        {"name": "both", "distill.attention": ["blocks.0"]},
    ],
}  # fmt: skip
DATA = (split(300, 0, "train"), split(90, 1, "test"))


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def staged(out: Path, *overrides: str, **options: Any) -> Result:
    """The recipe on the stripes: 10 steps an epoch, 10 + 20 + 20 in all."""
    return run(RECIPE, out=out, overrides=overrides, data=DATA, device="cpu", tensorboard=False,
               **{"progress": "none", **options})  # fmt: skip


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Result:
    return staged(tmp_path_factory.mktemp("whole") / "run")


def test_each_stage_has_its_own_recipe_and_the_last_is_the_run() -> None:
    recipe = load(RECIPE)
    assert parse_back(recipe) == recipe
    (first, teacher), (second, activations), (third, both) = recipe.chain()
    assert (first, second, third) == ("teacher", "activations", "both")
    assert (teacher.name, activations.name, both.name) == ("staged-teacher", "staged-activations", "staged")
    assert teacher.model.method == "fp32" and teacher.distill.teacher is None and teacher.train.epochs == 1
    assert activations.model.init is None and activations.model.options == {"stages": [[8], [8, 8]], "weight": "real"}
    assert both.model.init == "stage:previous" and both.model.options == {"stages": [[8], [8, 8]]}
    assert both.optim.weight_decay == 0 and activations.optim.weight_decay == 1e-5
    assert both.distill.attention == ("blocks.0",) and both.distill.teacher == "stage:teacher"
    assert all(not stage.stages for _, stage in recipe.chain())
    short = override(recipe, ["stages.1.train.epochs=7", "train.epochs=3"])
    assert [stage.train.epochs for _, stage in short.chain()] == [1, 7, 3]


def parse_back(recipe: Any) -> Any:
    import yaml

    return parse(yaml.safe_load(dump(recipe)))


@pytest.mark.parametrize(
    ("stages", "where", "why"),
    [
        ([{"name": "a", "data": {"limit": 5}}], "stages.0.data", "same pictures"),
        ([{"data.name": "digits"}], "stages.0.data", "same pictures"),
        ([{"trian": {}}], "stages.0.trian", "not a key of a stage"),
        ([{"stages": []}], "stages.0.stages", "not a key of a stage"),
        ([{"train": {"epoch": 3}}], "stages.0.train.epoch", "unknown key"),
        ([{"train.epochs": 0}], "stages.0.train.epochs", "out of range"),
        ([{"name": "a"}, {"name": "a"}], "stages.1.name", "bad name"),
        ([{"name": "a/b"}], "stages.0.name", "bad name"),
        ([{"name": "previous"}], "stages.0.name", "bad name"),
        ([{"model.init": "stage:previous"}], "stages.0.model.init", "no such stage before it"),
        ([{"name": "a"}, {"distill.teacher": "stage:b"}], "stages.1.distill.teacher", "expected stage:a"),
        ([{}, {"model.init": "stage:stage1/first"}], "stage", "no such checkpoint"),
        (["a"], "stages", "wrong type"),
    ],
)
def test_stages_that_make_no_sense_are_refused(stages: list[Any], where: str, why: str) -> None:
    with pytest.raises(RecipeError, match=why) as error:
        parse({"stages": stages})
    assert str(error.value).startswith(f"[{where}]")


@pytest.mark.parametrize("assignment", ["stages.5.train.epochs=1", "stages.0=3", "stages.x.name=b"])
def test_overrides_of_no_stage_are_refused(assignment: str) -> None:
    with pytest.raises(RecipeError):
        override(load(RECIPE), [assignment])


def test_stages_leave_their_folders_and_the_last_one_the_run(whole: Result) -> None:
    assert [folder.name for folder in whole.stages] == ["1-teacher", "2-activations"]
    for folder in (*whole.stages, whole.out):
        assert {"recipe.yaml", "metrics.jsonl", "result.json", "best", "last"} <= {
            path.name for path in folder.iterdir()
        }
    assert load(whole.out / "recipe.yaml") == load(RECIPE)
    activations, info = load_checkpoint(whole.stages[1] / "best")
    assert info.recipe.name == "staged-activations" and activations.blocks[0].conv.weight_quantizer.name == "real"
    model, info = load_checkpoint(whole.out / "best")
    assert info.recipe.name == "staged" and model.blocks[0].conv.weight_quantizer.name == "bi-real"
    assert checksum(model) == checksum(whole.model) and len(whole.history) == 2
    assert "train_loss_distribution" in whole.history[0] and "train_loss_attention" in whole.history[0]
    assert whole.test.top1 > 0.5


def test_a_stage_begins_with_the_one_before(whole: Result, tmp_path: Path) -> None:
    still = staged(tmp_path / "run", "stages.2.optim.lr=1e-9")
    before, _ = load_checkpoint(still.stages[1] / "best")
    for name in ("stem.weight", "blocks.0.conv.weight", "blocks.0.conv.input_threshold", "head.bias"):
        torch.testing.assert_close(still.model.state_dict()[name], before.state_dict()[name], atol=1e-6, rtol=0)


@pytest.mark.parametrize("step", [4, 10, 17, 29, 41])
def test_stopped_in_any_stage_it_ends_the_same(
    whole: Result, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: int, capsys: pytest.CaptureFixture[str]
) -> None:
    steps = iter(range(1, 100))
    with monkeypatch.context() as patch:
        patch.setattr("xnorkit.train.loop.Trainer._asked_to", lambda self, stop: next(steps) == step)
        with pytest.raises(KeyboardInterrupt):
            staged(tmp_path / "run", progress="plain")
    assert f"xnorkit train {tmp_path / 'run' / 'recipe.yaml'} --out {tmp_path / 'run'}" in capsys.readouterr().err
    again = run(tmp_path / "run" / "recipe.yaml", out=tmp_path / "run", resume="always", data=DATA, device="cpu",
                progress="none", tensorboard=False)  # fmt: skip
    for left, right in zip((*whole.stages, whole.out), (*again.stages, again.out), strict=True):
        pair = [load_checkpoint(folder / "best")[0] for folder in (left, right)]
        assert checksum(pair[0]) == checksum(pair[1])
        rows = [[{**json.loads(line), "seconds": 0} for line in (folder / "metrics.jsonl").read_text().splitlines()]
                for folder in (left, right)]  # fmt: skip
        assert rows[0] == rows[1]


def test_finished_stages_are_not_trained_again_and_never_starts_over(tmp_path: Path) -> None:
    first = staged(tmp_path / "run")
    times = [(folder / "last" / "model.safetensors").stat().st_mtime_ns for folder in (*first.stages, first.out)]
    again = staged(tmp_path / "run")
    assert [(f / "last" / "model.safetensors").stat().st_mtime_ns for f in (*again.stages, again.out)] == times
    assert checksum(first.model) == checksum(again.model)
    with pytest.raises(CheckpointError, match=r"stages/1-teacher.* another recipe: got other optim\.lr"):
        staged(tmp_path / "run", "stages.0.optim.lr=0.02")
    over = staged(tmp_path / "run", "stages.0.optim.lr=0.02", resume="never")
    assert read_info(over.stages[0] / "best").recipe.optim.lr == 0.02
    with pytest.raises(CheckpointError, match="nothing to resume"):
        staged(tmp_path / "none", resume="always")


def test_one_display_counts_the_steps_of_all_stages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[Any] = []

    class Told:
        start = staticmethod(lambda title, done, total: said.append(("start", title, done, total)))
        step = staticmethod(lambda done, loss: said.append(("step", done)))
        epoch = staticmethod(lambda row, epochs: said.append(("epoch", row["stage"], row["epoch"], epochs)))
        note = staticmethod(lambda text: said.append(("note", text)))
        stop = staticmethod(lambda: said.append(("stop",)))

    monkeypatch.setattr("xnorkit.train.launch.reporter", lambda kind: Told)
    staged(tmp_path / "run")
    assert [row for row in said if row[0] == "start"] == [("start", "3 stages: teacher, activations, both", 0, 50)]
    assert [row[1] for row in said if row[0] == "step"] == list(range(1, 51))
    assert [row[1:] for row in said if row[0] == "epoch"] == [
        ("stage 1/3 teacher", 1, 1), *(("stage 2/3 activations", n, 2) for n in (1, 2)),
        *(("stage 3/3 both", n, 2) for n in (1, 2)),
    ]  # fmt: skip
    assert [row[0] for row in said].count("stop") == 1


@pytest.mark.parametrize(
    ("overrides", "error", "why"),
    [
        (("stages.2.model.method=xnor",), CheckpointError, r"\[stage both\] does not fit the model"),
        (("stages.2.distill.attention=[blocks.9]",), RecipeError, "no such module of the student"),
        (("stages.2.distill.teacher=nowhere",), CheckpointError, "no such checkpoint"),
        (("stages.1.optim.binary={name: bop, lr: 1e-4}",), RecipeError, "bop keeps weights"),
        (("stages.2.train.batch=1000",), RecipeError, "larger than the training pictures"),
    ],
)
def test_a_late_stage_that_cannot_be_is_refused_first(
    tmp_path: Path, overrides: tuple[str, ...], error: type[XnorkitError], why: str
) -> None:
    with pytest.raises(error, match=why):
        staged(tmp_path / "run", *overrides)
    assert not (tmp_path / "run").exists()


def test_modules_of_ones_own_have_no_stages(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="build their nets themselves"):
        staged(tmp_path / "run", model=Tiny())
