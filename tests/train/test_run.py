"""Whole runs: reproducible, resumable after SIGKILL and Ctrl-C, equal over processes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from tiny_run import RECIPE, Tiny, checksum, split, train
from torch import nn
from two_ranks import plain

from xnorkit.errors import CheckpointError, RangeError, RecipeError
from xnorkit.train import Result, load_checkpoint, run
from xnorkit.train.checkpoint import load_state, read_info, save
from xnorkit.train.evaluation import evaluate

HERE = Path(__file__).parent


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Result:
    """The run nobody interrupts."""
    return train(str(tmp_path_factory.mktemp("whole") / "run"))


def same(left: Result, right: Result) -> None:
    """Equal best, last, and metrics (but for the seconds)."""
    for name in ("best", "last"):
        pair = [checksum(load_checkpoint(result.out / name, Tiny())[0]) for result in (left, right)]
        assert pair[0] == pair[1], name
    rows = [[{k: v for k, v in row.items() if k != "seconds"} for row in result.history] for result in (left, right)]
    assert rows[0] == rows[1]
    for result in (left, right):
        assert [json.loads(text) for text in (result.out / "metrics.jsonl").read_text().splitlines()] == result.history


def started(out: Path) -> subprocess.Popen[str]:
    """The tiny run in a process of its own, slowed down so that it can be caught in the middle of an epoch."""
    env = {**os.environ, "PAUSE": "0.08", "OMP_NUM_THREADS": "1"}
    return subprocess.Popen([sys.executable, str(HERE / "tiny_run.py"), str(out)], env=env, text=True,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE)  # fmt: skip


def wait_for(out: Path, epoch: int, step: int, process: subprocess.Popen[str]) -> None:
    """Until ``last`` stands at least there."""
    for _ in range(1200):
        assert process.poll() is None, process.stderr and process.stderr.read()
        try:
            info = read_info(out / "last")
        except CheckpointError:
            info = None
        if info and (info.epoch, info.step) >= (epoch, step):
            return
        time.sleep(0.05)
    raise AssertionError("the run did not get there in a minute")


def test_it_learns_and_leaves_what_it_promises(whole: Result) -> None:
    assert whole.test.top1 > 0.9 and whole.test.confusion.sum() == 90
    names = {path.name for path in whole.out.iterdir()}
    assert {"recipe.yaml", "metrics.jsonl", "result.json", "best", "last", "curves.png"} == names
    assert whole.best["eval_top1"] == max(row["eval_top1"] for row in whole.history)
    assert [row["eval_split"] for row in whole.history] == ["holdout"] * 3
    result = json.loads((whole.out / "result.json").read_text())
    assert result["test_top1"] == whole.test.top1 and result["pictures"] == 90
    binary = whole.model.body[2].weight
    assert binary.abs().max() <= 1


def test_equal_recipes_give_equal_parameters_and_other_seeds_do_not(whole: Result, tmp_path: Path) -> None:
    same(whole, train(str(tmp_path / "again"), progress="none"))
    assert checksum(train(str(tmp_path / "other"), ("seed=8",)).model) != checksum(whole.model)


def test_killed_or_interrupted_in_an_epoch_it_ends_the_same(whole: Result, tmp_path: Path) -> None:
    killed, stopped = tmp_path / "killed", tmp_path / "stopped"
    first, polite = started(killed), started(stopped)
    wait_for(stopped, 0, 4, polite)
    polite.send_signal(signal.SIGINT)
    wait_for(killed, 1, 4, first)
    first.kill()  # SIGKILL, in the middle of epoch 2
    assert first.wait() == -signal.SIGKILL
    _, words = polite.communicate()
    assert polite.returncode != 0 and f"--out {stopped}" in words and "go on with" in words
    assert (stopped / "last" / "train_state.pt").is_file()
    assert read_info(killed / "last").epoch == 1 and not (killed / "result.json").exists()
    same(whole, train(str(killed), resume="always"))
    same(whole, train(str(stopped)))


def test_two_processes_hold_the_same_parameters_and_split_the_batch(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2",
         str(HERE / "two_ranks.py"), str(tmp_path)],
        env={**os.environ, "OMP_NUM_THREADS": "1"}, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found = {tuple(line.split()[1:3]): line.split()[3] for line in done.stdout.splitlines() if line.startswith("rank")}
    assert len(found) == 4
    assert found["0", "tiny"] == found["1", "tiny"] and found["0", "plain"] == found["1", "plain"]
    alone = plain(str(tmp_path / "alone"))
    fresh = nn.Sequential(nn.Flatten(), nn.BatchNorm1d(64), nn.Linear(64, 3))
    together, _ = load_checkpoint(tmp_path / "plain" / "best", fresh)
    for left, right in zip(alone.parameters(), together.parameters(), strict=True):
        assert torch.allclose(left, right, rtol=1e-4, atol=1e-6)


def test_a_finished_run_is_not_trained_again(whole: Result) -> None:
    before = (whole.out / "last" / "model.safetensors").stat().st_mtime_ns
    again = train(str(whole.out))
    assert checksum(again.model) == checksum(whole.model) and again.history == whole.history
    assert (whole.out / "last" / "model.safetensors").stat().st_mtime_ns == before


def test_resume_refuses_another_recipe_and_a_missing_run(whole: Result, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"got other optim\.lr, train\.epochs"):
        train(str(whole.out), ("train.epochs=4", "optim.lr=0.02"))
    with pytest.raises(CheckpointError, match="nothing to resume"):
        train(str(tmp_path / "none"), resume="always")


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (
            lambda o: [group.pop("base") for group in o["param_groups"]],
            r"optimizer state, group 0: got without \['base'\]",
        ),
        (lambda o: o["param_groups"].pop(), "optimizer state, groups of parameters: got 1, expected 2"),
        (lambda o: o["param_groups"][0]["params"].pop(), "optimizer state, parameters of group 0"),
        (lambda o: o.update(members=[]), "optimizer state: got members, param_groups, state"),
        (lambda o: o["state"][0].update(exp_avg=torch.zeros(2, 3)), r"optimizer state: got .*\(2, 3\)"),
    ],
)
def test_an_optimizer_state_of_another_layout_is_refused(
    tmp_path: Path, spoil: Callable[[dict[str, object]], object], why: str
) -> None:
    out = train(str(tmp_path / "run"), ("train.epochs=1",)).out
    info, state = load_state(out / "last", model := Tiny())
    spoil(state["optimizer"])
    save(out / "last", model, info, state)
    with pytest.raises(CheckpointError, match=why) as error:
        train(str(out), ("train.epochs=1",))
    assert str(out / "last") in str(error.value) and "resume=never" in error.value.hint


def test_never_starts_over(tmp_path: Path) -> None:
    train(str(tmp_path / "run"), ("train.epochs=1",))
    over = train(str(tmp_path / "run"), ("train.epochs=2", "seed=9"), resume="never")
    assert len(over.history) == 2 and read_info(tmp_path / "run" / "last").recipe.seed == 9


def test_a_loss_that_is_no_number_keeps_the_epoch_before(tmp_path: Path) -> None:
    broken, last = Tiny(), tmp_path / "run" / "last"
    broken.body.register_forward_hook(
        lambda module, _, scores: scores * float("nan") if module.training and last.exists() else None
    )
    data = (split(300, 0, "train"), split(90, 1, "test"))
    recipe = {**RECIPE, "train": {"epochs": 3, "batch": 20}}
    with pytest.raises(RangeError, match="the loss of epoch 2"):
        run(recipe, out=tmp_path / "run", model=broken, data=data, device="cpu", progress="none", tensorboard=False)
    assert read_info(tmp_path / "run" / "last").epoch == 1


@pytest.mark.parametrize(
    ("overrides", "why"),
    [
        (("data.holdout=300",), "leaves nothing"),
        (("train.batch=280",), "larger than the training pictures: got 280, expected at most 270"),
    ],
)
def test_recipes_that_do_not_fit_the_data_write_nothing(tmp_path: Path, overrides: tuple[str, ...], why: str) -> None:
    with pytest.raises(RecipeError, match=why):
        train(str(tmp_path / "run"), overrides)
    assert not (tmp_path / "run").exists()


def test_recalibration_limit_and_plain_best(tmp_path: Path) -> None:
    result = train(str(tmp_path / "run"), ("train.bn_recalibrate=200", "data.holdout=0", "data.limit=200"))
    assert [row["eval_split"] for row in result.history] == ["test"] * 3
    assert result.best["epoch"] == 3 and result.best["step"] == 30
    assert result.best["eval_top1"] == result.test.top1 > 0.9


def test_bfloat16_rounds_training_and_neither_evaluation_nor_checkpoints(tmp_path: Path) -> None:
    runs = {name: train(str(tmp_path / name), (f"train.precision={name}",)) for name in ("float32", "bfloat16")}
    exact, rounded = runs["float32"], runs["bfloat16"]
    assert rounded.history[0]["train_loss"] != exact.history[0]["train_loss"]
    assert abs(rounded.history[0]["train_loss"] - exact.history[0]["train_loss"]) < 0.05 and rounded.test.top1 > 0.9
    model, _ = load_checkpoint(tmp_path / "bfloat16" / "best", Tiny())
    assert all(value.dtype in (torch.float32, torch.int64) for value in model.state_dict().values())
    assert evaluate(model, split(90, 1, "test")).top1 == rounded.test.top1


def test_tensorboard_and_a_shipped_model(tmp_path: Path) -> None:
    recipe = {"name": "t", "data": {"name": "digits", "limit": 100}, "optim": {"name": "sgd", "lr": 0.01},
              "model": {"name": "lenet_300_100", "method": "xnor"},
              "train": {"epochs": 1, "batch": 50, "loss": "squared_hinge"}}  # fmt: skip
    result = run(recipe, out=tmp_path / "run", device="cpu", progress="none")
    assert list((tmp_path / "run" / "tensorboard").glob("events.*"))
    model, info = load_checkpoint(tmp_path / "run" / "best")
    assert checksum(model) == checksum(result.model)
    assert info.model == model.config and info.dataset == "digits" and info.input_size == (28, 28, 1)
