"""Comparisons: plans, resumption, failures, what does not pack, the report."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from click.testing import CliRunner, Result

from xnorkit.cli.compare import spread
from xnorkit.cli.main import main
from xnorkit.compare import packing, report, worker
from xnorkit.compare.latency import clock, found_latency
from xnorkit.compare.packing import found_packing, packs
from xnorkit.compare.plan import Plan, Run, extend, load_plan, make_plan, packed_file, run_folder, slug, store
from xnorkit.compare.progress import Silent, history, teller
from xnorkit.compare.runner import How, carry_out
from xnorkit.errors import CheckpointError, DataError, RangeError, RecipeError, UnsupportedError

SMALL = ("data.limit=128", "train.epochs=1", "train.batch=64", "schedule.warmup=0", "model.name=vgg_small",
         "model.options={stages: [[8], [8]]}")  # fmt: skip
TIME = 120


def small(folder: Path, schemes: tuple[str, ...] = ("fp32", "xnor"), seeds: tuple[int, ...] = (0,), *more: str) -> Plan:
    return store(make_plan("digits-xnor", schemes, seeds, (*SMALL, *more)), folder)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A comparison of fp32 (seed 0) and xnor (seeds 0 and 1), trained and packed in this process."""
    folder = tmp_path_factory.mktemp("trained")
    plan = small(folder)
    plan = extend(folder, ["xnor"], [1])
    for run in plan.runs:
        worker.finish(folder, run)
    return folder


def verb(*words: str | Path) -> Result:
    return CliRunner().invoke(main, ["compare", *map(str, words)])


def test_a_plan_has_a_run_for_each_scheme_and_seed_with_a_recipe_of_its_own() -> None:
    plan = make_plan("digits-xnor", ["fp32", "xnor[kmap=true, weight.clip=0.5]"], [3, 4], ["optim.lr=0.25"])
    assert plan.runs[2] == Run("xnor[kmap=true,weight.clip=0.5]", 3)
    recipe = plan.recipe(plan.runs[2])
    assert (recipe.model.method, recipe.seed, recipe.optim.lr) == ("xnor[kmap=true,weight.clip=0.5]", 3, 0.25)
    assert recipe.name == "digits-xnor-xnor-kmap=true-weight.clip=0.5-s3"


def test_a_scheme_sets_its_keys_and_an_override_wins() -> None:
    run = Run("bnn[recipe.optim.lr=0.125]", 0)
    assert make_plan("digits-xnor", [run.scheme], [0]).recipe(run).optim.lr == 0.125
    assert make_plan("digits-xnor", [run.scheme], [0], ["optim.lr=0.5"]).recipe(run).optim.lr == 0.5
    off = make_plan("digits-xnor", ["fp32", "xnor"], [0], ["train.clip_latent=false"])
    assert not off.recipe(Run("xnor", 0)).train.clip_latent


@pytest.mark.parametrize(
    ("schemes", "seeds", "overrides", "error"),
    [
        (["nothing"], [0], [], RangeError),
        (["xnor[kmap=true"], [0], [], RangeError),
        (["xnor"], [], [], RecipeError),
        ([], [0], [], RecipeError),
        (["xnor"], [0], ["seed=3"], RecipeError),
        (["xnor"], [0], ["model.method=bnn"], RecipeError),
        (["xnor"], [0], ["train.epochs=none"], RecipeError),
        (["bnn[recipe.nothing=1]"], [0], [], RecipeError),
        (["xnor", "a=bnn", "a=xnor"], [0], [], RecipeError),
        (["xnor", "xnor=bnn"], [0], [], RecipeError),
    ],
)
def test_nonsense_is_refused_before_anything_starts(
    schemes: list[str], seeds: list[int], overrides: list[str], error: type[Exception]
) -> None:
    with pytest.raises(error):
        make_plan("digits-xnor", schemes, seeds, overrides)


def test_names_of_files_tell_schemes_apart() -> None:
    assert slug("a[b=-1]") != slug("a[b=1]")
    assert "/" not in slug("a[b=x/y]")
    with pytest.raises(RecipeError, match="same file name"):
        make_plan("digits-xnor", ["bnn[recipe.description=a/b]", "bnn[recipe.description=a_b]"], [0])


def test_a_folder_keeps_its_recipe_and_takes_further_runs(tmp_path: Path) -> None:
    small(tmp_path)
    assert small(tmp_path, ("bnn",), (2,)).runs == (Run("fp32", 0), Run("xnor", 0), Run("bnn", 2))
    assert extend(tmp_path, [], [5]).runs[3:] == (Run("fp32", 5), Run("xnor", 5), Run("bnn", 5))
    assert load_plan(tmp_path).overrides == SMALL
    with pytest.raises(CheckpointError, match="other optim"):
        small(tmp_path, ("xnor",), (0,), "optim.lr=0.5")
    with pytest.raises(DataError, match="holds no comparison"):
        load_plan(tmp_path / "recipes")


def test_values_up_to_the_next_option_belong_to_an_option_of_many() -> None:
    words = ["r", "--schemes", "a", "b", "--out", "c", "--seeds", "1", "2", "--report"]
    assert spread(words) == ["r", "--schemes", "a", "--schemes", "b", "--out", "c", "--seeds", "1", "--seeds", "2",
                             "--report"]  # fmt: skip


def test_every_run_is_packed_and_equal(trained: Path) -> None:
    for run in load_plan(trained).runs:
        found = found_packing(trained, run)
        assert found is not None and found["packs"] and found["verify"]["ok"]
        assert found["bytes"] == packed_file(trained, run).stat().st_size
        result = json.loads((run_folder(trained, run) / "result.json").read_text())
        assert found["packed_top1"] == pytest.approx(result["test_top1"], abs=1e-9)
    assert found["packed_layers"] == 1 and found["verify"]["integers"] > 0


def test_what_is_finished_is_not_repeated(trained: Path) -> None:
    runs = load_plan(trained).runs
    before = {run: (run_folder(trained, run) / "result.json").stat().st_mtime_ns for run in runs}
    assert carry_out(trained, runs, How(), Silent()) == []
    assert before == {run: (run_folder(trained, run) / "result.json").stat().st_mtime_ns for run in runs}
    assert not (trained / "logs").exists()


def test_the_report_has_means_deviations_and_costs(trained: Path) -> None:
    clock(trained, load_plan(trained).runs, rounds=2)
    found = report.write(trained)
    full, binary = found["schemes"]
    scores = [run["result"]["test_top1"] for run in found["runs"] if run["scheme"] == "xnor"]
    assert binary["seeds"] == [0, 1] and binary["top1_mean"] == pytest.approx(sum(scores) / 2)
    assert binary["top1_deviation"] == pytest.approx(abs(scores[0] - scores[1]) / 2**0.5)
    assert binary["to_fp32"] == pytest.approx(binary["top1_mean"] - full["top1_mean"])
    assert full["top1_deviation"] is None and full["bytes"] > binary["bytes"]
    assert (binary["integer_mismatches"], binary["prediction_mismatches"]) == (0, 0)
    assert 0 < binary["min_ms"] <= binary["median_ms"]
    assert json.loads((trained / "compare.json").read_text()) == json.loads(json.dumps(found))
    text = (trained / "compare.md").read_text()
    assert "| xnor | 2/2 |" in text and found["command"] in text
    assert (trained / "compare.png").read_bytes()[:4] == b"\x89PNG"


def test_latencies_are_of_these_files(trained: Path) -> None:
    clock(trained, load_plan(trained).runs, rounds=2)
    before = found_latency(trained)
    assert set(before["rows"]) == {"fp32", "xnor"}
    clock(trained, load_plan(trained).runs, rounds=3)
    assert found_latency(trained) == before


def test_what_does_not_pack_says_why(trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments: object, **options: object) -> None:
        raise UnsupportedError("export", "operator", got="aten.erfinv", expected="one that packs")

    plan = small(tmp_path, ("bnn",))
    monkeypatch.setattr(packing, "export", refuse)
    worker.finish(tmp_path, plan.runs[0])
    assert not packs(tmp_path, plan.runs[0]) and not packed_file(tmp_path, plan.runs[0]).exists()
    row = report.write(tmp_path)["schemes"][0]
    assert row["packs"] is False and row["bytes"] is None and "aten.erfinv" in row["why"]
    assert "does not pack: [export] operator" in (tmp_path / "compare.md").read_text()
    monkeypatch.undo()
    worker.finish(tmp_path, plan.runs[0])
    assert packs(tmp_path, plan.runs[0])


def test_a_new_checkpoint_is_packed_anew(tmp_path: Path) -> None:
    run = small(tmp_path, ("bnn",)).runs[0]
    worker.finish(tmp_path, run)
    card = run_folder(tmp_path, run) / "best" / "checkpoint.json"
    card.write_text(card.read_text() + "\n")
    assert found_packing(tmp_path, run) is None


def test_a_report_of_unfinished_runs(tmp_path: Path) -> None:
    small(tmp_path)
    found = verb(tmp_path, "--report")
    assert found.exit_code == 0 and "0/1" in found.output
    assert not (tmp_path / "compare.png").exists()


def test_a_failed_run_is_reported_and_stops_no_other(tmp_path: Path) -> None:
    plan = small(tmp_path)
    broken = run_folder(tmp_path, plan.runs[0]) / "last"
    broken.mkdir(parents=True)
    (broken / "checkpoint.json").write_text("{")
    done = verb(tmp_path, "--jobs", 2, "--rounds", 1, "--progress", "plain")
    assert done.exit_code == 1
    assert "1 of 2 runs failed" in done.stderr and "XK_CHECKPOINT" in done.stderr
    row = json.loads((tmp_path / "compare.json").read_text())["schemes"]
    assert [item["finished"] for item in row] == [0, 1]


def _wait(what: Callable[[], object], seconds: float = TIME) -> None:
    until = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < until
        time.sleep(0.05)


LONG = ("train.epochs=4", "data.limit=640")


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """The epochs of a run that was never stopped."""
    folder, threads = tmp_path_factory.mktemp("whole"), torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        run = small(folder, ("xnor",), (0,), *LONG).runs[0]
        worker.finish(folder, run)
    finally:
        torch.set_num_threads(threads)
    return history(folder, run)


@pytest.mark.skipif(os.name != "posix", reason="POSIX signals")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_a_stopped_comparison_goes_on_to_the_same_end(
    whole: list[dict[str, Any]], tmp_path: Path, number: signal.Signals
) -> None:
    run = small(tmp_path, ("xnor",), (0,), *LONG).runs[0]
    process = subprocess.Popen([sys.executable, "-m", "xnorkit", "compare", str(tmp_path), "--progress", "plain"],
                               stderr=subprocess.PIPE, text=True)  # fmt: skip
    _wait(lambda: history(tmp_path, run))
    process.send_signal(number)
    _, said = process.communicate(timeout=TIME)
    if number == signal.SIGINT:
        assert process.returncode == 130 and f"go on with: xnorkit compare {tmp_path}" in said
    assert carry_out(tmp_path, [run], How(), Silent()) == []
    kept = ("epoch", "train_loss", "eval_top1")
    assert [[row[key] for key in kept] for row in history(tmp_path, run)] == [
        [row[key] for key in kept] for row in whole
    ]
    assert "resumed at epoch" in (tmp_path / "logs" / f"{run.name}.log").read_text()


def test_a_teller_of_another_kind_is_refused() -> None:
    with pytest.raises(RangeError):
        teller("loud")


def test_a_kept_copy_goes_on_without_checkpoints(trained: Path, tmp_path: Path) -> None:
    clock(trained, load_plan(trained).runs, rounds=3)
    target = tmp_path / "copy"
    shown = verb(trained, "--report", "--keep", target)
    assert shown.exit_code == 0 and "kept" in shown.stderr, shown.output
    names = sorted(path.name for path in target.rglob("*") if path.is_file())
    assert "checkpoint.json" not in names and sum(name.endswith(".xnor.safetensors") for name in names) == 2
    before, after = report.collect(trained), report.collect(target)
    assert before["schemes"] == after["schemes"] and after["finished"] == 3
    files = {path: path.read_bytes() for path in target.rglob("*") if path.is_file()}
    plan = extend(target, ["fp32"], [1])
    assert carry_out(target, plan.runs, How(), Silent()) == []
    assert report.collect(target)["finished"] == 4
    unchanged = [path for path in files if path.parent.name.startswith("xnor") or "packed" in path.parts]
    assert unchanged and all(path.read_bytes() == files[path] for path in unchanged)
    assert carry_out(target, plan.runs, How(repack=True), Silent()) == []  # what has no checkpoint is left alone


def test_a_copy_is_not_put_over_another_comparison(trained: Path, tmp_path: Path) -> None:
    small(tmp_path / "other", ("bnn",))
    shown = verb(trained, "--report", "--keep", tmp_path / "other")
    assert shown.exit_code == 1 and "holds other runs" in shown.stderr
