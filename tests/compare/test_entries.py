"""Entries of a comparison: labels, keys of their own, files; folders that another version wrote."""

from __future__ import annotations

import hashlib
import json
import shlex
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from safetensors.torch import load_file, save_file

from xnorkit.cli.main import main
from xnorkit.compare import report, worker
from xnorkit.compare.entry import Entry, read_entry, with_own
from xnorkit.compare.plan import Run, load_plan, make_plan, packed_file, recipe_file, run_folder, store
from xnorkit.compare.runner import tail
from xnorkit.compare.sheet import is_sheet, read_sheet
from xnorkit.errors import CheckpointError, RangeError, RecipeError
from xnorkit.train.files import write_file

SMALL = ("data.limit=128", "train.epochs=1", "train.batch=64", "schedule.warmup=0", "model.name=vgg_small",
         "model.options={stages: [[8], [8]]}")  # fmt: skip
EARLY = "B-A-C-P=xnor"
LATE = "C-B-A-P=xnor[order=cbap]"


def verb(*words: str | Path) -> Result:
    return CliRunner().invoke(main, ["compare", *map(str, words)])


def test_labels_are_names_of_entries_and_files() -> None:
    plan = make_plan("digits-xnor", [EARLY, LATE, "A, by bits = dorefa[weight.bits=1]"], [0])
    assert [run.name for run in plan.runs] == ["B-A-C-P-s0", "C-B-A-P-s0", "A-_by_bits-s0"]
    assert plan.runs[1].scheme == "xnor[order=cbap]" and plan.recipe(plan.runs[1]).model.method == "xnor[order=cbap]"
    assert Entry("fp32").shown == "fp32" and Entry("xnor[kmap=false]", "no K").shown == "no K"
    with pytest.raises(RangeError, match="scheme"):
        read_entry("label=nothing")


def test_keys_of_one_entry_win_over_those_for_all() -> None:
    own = {"bop": ["optim.binary.threshold=1e-6", "train.batch=32"], "B-A-C-P": ["optim.lr=0.5"]}
    plan = make_plan("digits-xnor", ["bop", EARLY, "bnn"], [0, 1], ["train.batch=16", "optim.lr=0.25"], own)
    bop, xnor, bnn = (plan.recipe(plan.runs[i]) for i in (0, 2, 4))
    assert (bop.optim.binary.threshold, bop.train.batch, bop.optim.lr) == (1e-6, 32, 0.25)
    assert (xnor.train.batch, xnor.optim.lr, bnn.train.batch, bnn.optim.lr) == (16, 0.5, 16, 0.25)
    settings = plan.settings(plan.entries[0])
    assert settings["train.batch"] == 32 and settings["optim.binary.name"] == "bop" and "optim.lr" not in settings
    assert plan.settings(plan.entries[2]) == {}


@pytest.mark.parametrize(
    "own",
    [{"xnor": ["optim.lr=1"]}, {"bnn": ["seed=1"]}, {"bnn": ["optim.nothing=1"]}, {"bnn": ["model.method=xnor"]}],
)
def test_keys_of_their_own_are_checked(own: dict[str, list[str]]) -> None:
    with pytest.raises(RecipeError):
        make_plan("digits-xnor", ["bnn"], [0], (), own)
    assert with_own([Entry("bnn")], {}) == [Entry("bnn")]


def test_a_name_means_its_entry_before_all_of_its_scheme() -> None:
    entries = [Entry("bop"), Entry("bop", "slow"), Entry("bnn", "a"), Entry("bnn", "b")]
    found = with_own(entries, {"bop": ["optim.lr=1"], "bnn": ["optim.lr=2"], "slow": ["optim.lr=3"]})
    assert [entry.overrides for entry in found] == [("optim.lr=1",), ("optim.lr=3",), ("optim.lr=2",), ("optim.lr=2",)]


def test_a_file_holds_a_comparison(tmp_path: Path) -> None:
    text = """
        recipe: digits-xnor
        recipe_for_all: {train.epochs: 2, model.options: {stages: [[8], [8]]}, model.name: vgg_small}
        seeds: [0, 3]
        schemes:
          - fp32
          - C-B-A-P = xnor[order=cbap]
          - {scheme: bop, label: "Bop, faster", recipe: {optim.binary.lr: 1.0e-3, train.batch: 32}}
    """
    path = tmp_path / "sheet.yaml"
    path.write_text(text)
    sheet = read_sheet(path)
    assert is_sheet(path) and not is_sheet("digits-xnor") and sheet.seeds == (0, 3)
    plan = make_plan(sheet.recipe, sheet.entries, sheet.seeds, sheet.overrides)
    assert [entry.shown for entry in plan.entries] == ["fp32", "C-B-A-P", "Bop, faster"]
    bop = plan.recipe(plan.runs[-1])
    assert (bop.optim.binary.lr, bop.train.batch, bop.train.epochs, bop.model.name) == (1e-3, 32, 2, "vgg_small")
    done = verb(path, "--out", tmp_path / "c", "--report")
    assert done.exit_code != 0
    stored = store(plan, tmp_path / "c")
    assert load_plan(tmp_path / "c") == stored


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("schemes: [bnn]", "recipe"),
        ("{recipe: digits-xnor, schemes: []}", "schemes"),
        ("{recipe: digits-xnor, schemes: [bnn], seeds: 3}", "seeds"),
        ("{recipe: digits-xnor, schemes: [bnn], runs: 3}", "unknown key"),
        ("{recipe: digits-xnor, schemes: [{label: a}]}", "wrong entry"),
        ("{recipe: digits-xnor, schemes: [{scheme: bnn, recipe: [1]}]}", "wrong type"),
        ("{recipe: digits-xnor, schemes: [{scheme: bnn, recipe: {seed: 1}}]}", "seed"),
    ],
)
def test_a_wrong_file_says_what_is_wrong(tmp_path: Path, text: str, why: str) -> None:
    (tmp_path / "s.yaml").write_text(text)
    with pytest.raises(RecipeError, match=why):
        read_sheet(tmp_path / "s.yaml")


@pytest.fixture(scope="module")
def ablation(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """XNOR-Net's blocks in both orders, the second with a rate of its own, trained and packed."""
    folder = tmp_path_factory.mktemp("ablation")
    words = [word for text in SMALL for word in ("-o", text)]
    done = verb("digits-xnor", "--schemes", EARLY, LATE, "--for", "C-B-A-P", "optim.lr=0.002", *words,
                "--out", folder, "--rounds", 1, "--progress", "none")  # fmt: skip
    assert done.exit_code == 0, done.output
    return folder


def test_the_report_calls_entries_by_label_and_prints_their_settings(ablation: Path) -> None:
    text = (ablation / "compare.md").read_text()
    assert "| C-B-A-P | 1/1 |" in text
    assert "- C-B-A-P: `xnor[order=cbap]`; own settings optim.lr=0.002" in text
    assert "- B-A-C-P: `xnor`; the recipe of all" in text
    assert "--for C-B-A-P optim.lr=0.002" in text and "'C-B-A-P=xnor[order=cbap]'" in text
    rows = json.loads((ablation / "compare.json").read_text())["schemes"]
    assert [row["label"] for row in rows] == ["B-A-C-P", "C-B-A-P"] and all(row["median_ms"] for row in rows)
    assert rows[1]["settings"] == {"optim.lr": 0.002}


def test_the_printed_command_makes_the_same_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Entries of other seeds than the rest, as a folder that was gone on with has them."""
    monkeypatch.setattr("xnorkit.compare.runner.carry_out", lambda *_: [])
    monkeypatch.setattr("xnorkit.compare.latency.clock", lambda *_, **__: None)
    old, new = tmp_path / "old", tmp_path / "new"
    store(make_plan("digits-xnor", ["fp32", EARLY, LATE], [0], SMALL, {"C-B-A-P": ["optim.lr=0.002"]}), old)
    for schemes, seeds in (((EARLY, "fp32"), [1, 2]), (("bnn",), [0])):
        store(make_plan("digits-xnor", schemes, seeds, SMALL), old)
    lines = report.command(load_plan(old), new).splitlines()
    assert len(lines) == 2
    for line in lines:
        done = verb(*shlex.split(line)[2:])
        assert done.exit_code == 0, done.output
    assert set(load_plan(new).runs) == set(load_plan(old).runs) and len(load_plan(old).runs) == 8


def test_a_folder_goes_on_by_label_and_refuses_other_settings(ablation: Path, tmp_path: Path) -> None:
    plan = load_plan(ablation)
    store(plan, tmp_path)
    more = verb(tmp_path, "--schemes", "C-B-A-P", "--seeds", 4, "--report")
    assert more.exit_code == 0
    other = make_plan("digits-xnor", [LATE], [0], SMALL, {"C-B-A-P": ["optim.lr=0.1"]})
    with pytest.raises(RecipeError, match="same name"):
        store(other, tmp_path)
    changed = make_plan("digits-xnor", ["bnn"], [0], (*SMALL, "optim.lr=0.3"))
    with pytest.raises(CheckpointError, match="another recipe"):
        store(changed, tmp_path)


def test_repack_packs_and_times_anew(ablation: Path) -> None:
    run = load_plan(ablation).runs[0]
    file = packed_file(ablation, run)
    before = file.stat().st_mtime_ns
    assert verb(ablation, "--rounds", 1, "--progress", "none").exit_code == 0
    assert file.stat().st_mtime_ns == before
    assert verb(ablation, "--rounds", 1, "--progress", "none", "--repack").exit_code == 0
    assert file.stat().st_mtime_ns > before


def test_a_checkpoint_of_another_layout_is_told_and_the_others_go_on(ablation: Path) -> None:
    plan = load_plan(ablation)
    best = run_folder(ablation, plan.runs[0]) / "best"
    tensors = load_file(best / "model.safetensors")
    first = next(iter(tensors))
    save_file({f"old.{name}" if name == first else name: value for name, value in tensors.items()},
              best / "model.safetensors", metadata={"format": "pt"})  # fmt: skip
    card = json.loads((best / "checkpoint.json").read_text())
    card["files"]["model.safetensors"] = hashlib.sha256((best / "model.safetensors").read_bytes()).hexdigest()
    (best / "checkpoint.json").write_text(json.dumps(card))
    done = verb(ablation, "--repack", "--rounds", 1, "--progress", "plain")
    assert done.exit_code == 1 and "1 of 2 runs failed" in done.stderr
    assert f"it lacks {first}; it has besides old.{first}" in done.stderr and "Traceback" not in done.stderr
    assert report.collect(ablation)["schemes"][1]["packs"]


def test_recipes_and_results_of_another_version_are_told(tmp_path: Path) -> None:
    plan = store(make_plan("digits-xnor", ["bnn", "xnor"], [0], SMALL), tmp_path)
    for run in plan.runs:
        worker.finish(tmp_path, run)
    recipe = recipe_file(tmp_path, plan.runs[0])
    write_file(recipe, recipe.read_bytes() + b"colour: red\n")
    write_file(run_folder(tmp_path, plan.runs[0]) / "result.json", b'{"accuracy": 0.5}')
    done = verb(tmp_path, "--rounds", 1, "--progress", "plain")
    assert done.exit_code == 1 and "unknown key" in done.stderr and "Traceback" not in done.stderr
    found = json.loads((tmp_path / "compare.json").read_text())
    assert [row["finished"] for row in found["schemes"]] == [0, 1]
    assert "bnn-s0 cannot be read: written by another version" in (tmp_path / "compare.md").read_text()


def test_what_a_failed_run_said_begins_with_its_error(tmp_path: Path) -> None:
    (tmp_path / "log").write_text("Traceback\n  File x\nKeyError\nerror KeyError: x\n")
    assert tail(tmp_path / "log") == "error KeyError: x"


def test_an_old_plan_without_labels_is_read(tmp_path: Path) -> None:
    store(make_plan("digits-xnor", ["bnn"], [0], SMALL), tmp_path)
    found = json.loads((tmp_path / "plan.json").read_text())
    for row in found["runs"]:
        del row["label"], row["overrides"]
    (tmp_path / "plan.json").write_text(json.dumps(found))
    assert load_plan(tmp_path).runs == (Run("bnn", 0),)
