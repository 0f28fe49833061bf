"""Stages in a row: files shrink, nets and files agree, what is stopped goes on, other work is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from click.testing import CliRunner
from stripes import DATA, trained

from xnorkit.cli.main import main
from xnorkit.compress import STAGES, compress
from xnorkit.compress.stages.code import Huffman
from xnorkit.compress.stages.prune import Prune
from xnorkit.compress.stages.share import Share
from xnorkit.compress.work import Work
from xnorkit.errors import CheckpointError, DataError, RecipeError
from xnorkit.graph import store
from xnorkit.graph.weights import weight_rows
from xnorkit.runtime.session import Session
from xnorkit.train.checkpoint import load_checkpoint
from xnorkit.train.evaluation import evaluate

QUICK: dict[str, Any] = {"data": DATA, "rounds": 1, "progress": "none", "pictures_verified": 50}


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return trained(tmp_path_factory.mktemp("fp32"))


@pytest.fixture(scope="module")
def small(checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("small")
    compress(checkpoint, "prune:0.8:epochs=2:teach=0.5,share:4:epochs=1,huffman", out, **QUICK)
    return out


def test_every_stage_makes_the_file_smaller(small: Path) -> None:
    report = json.loads((small / "report.json").read_text())
    sizes = [row["bytes"] for row in report["stages"]]
    assert sizes == sorted(sizes, reverse=True) and sizes[-1] == (small / "net.xnor.safetensors").stat().st_size
    assert report["ratio"] == pytest.approx(report["float_bytes"] / sizes[-1]) and report["ratio"] > 12
    assert report["stages"][0]["stage"] == "trained"
    assert report["stages"][-1]["top1"] > 0.9 and report["verified"]["mismatches"] == 0
    assert {"report.md", "report.png", "plan.json"} <= {path.name for path in small.iterdir()}
    assert "sparse_shared" in (small / "report.md").read_text()


def test_another_net_may_teach(checkpoint: Path, tmp_path: Path) -> None:
    quick: dict[str, Any] = {**QUICK, "teacher": checkpoint}
    compress(checkpoint, "prune:0.5:epochs=1:teach=0.5", tmp_path / "same", **quick)
    with pytest.raises(CheckpointError, match="teacher"):
        compress(checkpoint, "prune:0.5:epochs=1:teach=0.5", tmp_path / "same", **QUICK)
    with pytest.raises(CheckpointError, match="missing"):
        compress(checkpoint, "prune:0.5:epochs=1", tmp_path / "none", **{**quick, "teacher": tmp_path / "missing"})
    assert not (tmp_path / "none").exists()


def test_weights_kept_and_values_are_those_asked_for(small: Path) -> None:
    rows = weight_rows(store.load(small / "net.xnor.safetensors"))
    assert all(row.kept <= 0.21 and row.values <= 16 and row.bits < 8 for row in rows)
    assert all(row.bits * row.weights == 8 * sum(row.parts.values()) for row in rows)


def test_checkpoints_of_stages_evaluate_export_and_are_compressed_further(small: Path, tmp_path: Path) -> None:
    model, _ = load_checkpoint(small / "2-share" / "checkpoint")
    scores = Session(str(small / "net.xnor.safetensors"))(DATA[1].images)
    assert (scores.argmax(1) == DATA[1].labels).mean() == evaluate(model, DATA[1]).top1
    more = "prune:0.9:epochs=1,shrink,huffman"
    report = compress(small / "2-share" / "checkpoint", more, tmp_path / "more", **QUICK)
    assert report.rows[-1]["kept"] < report.rows[0]["kept"] and report.verified.mismatches == 0


def test_finished_stages_are_taken_as_they_are_and_more_may_follow(checkpoint: Path, tmp_path: Path) -> None:
    first = compress(checkpoint, "prune:0.5:epochs=1", tmp_path, **QUICK)
    mark = (tmp_path / "1-prune" / "result.json").stat().st_mtime_ns
    second = compress(checkpoint, "prune:0.5:epochs=1,share:3:epochs=0", tmp_path, **QUICK)
    assert (tmp_path / "1-prune" / "result.json").stat().st_mtime_ns == mark
    assert second.rows[:2] == first.rows and len(second.rows) == 3
    with pytest.raises(CheckpointError, match="other work"):
        compress(checkpoint, "prune:0.6:epochs=1", tmp_path, **QUICK)
    third = compress(checkpoint, "prune:0.6:epochs=0", tmp_path, resume="never", **QUICK)
    assert len(third.rows) == 2 and not (tmp_path / "2-share").exists()


def test_a_stage_that_is_stopped_goes_on_to_the_same_weights(
    checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stages = "prune:0.8:rounds=2:epochs=1"
    compress(checkpoint, stages, tmp_path / "whole", **QUICK)
    train_on, calls = Work.train_on, []

    def stopping(self: Work, model: torch.nn.Module, label: str, **how: Any) -> None:
        calls.append(label)
        if label == "round-2" and len(calls) == 2:
            raise KeyboardInterrupt
        train_on(self, model, label, **how)

    monkeypatch.setattr(Work, "train_on", stopping)
    with pytest.raises(KeyboardInterrupt):
        compress(checkpoint, stages, tmp_path / "cut", **QUICK)
    assert not (tmp_path / "cut" / "1-prune" / "result.json").exists()
    compress(checkpoint, stages, tmp_path / "cut", **QUICK)
    assert calls == ["round-1", "round-2", "round-1", "round-2"]
    one, other = (
        load_checkpoint(tmp_path / name / "1-prune" / "checkpoint")[0].state_dict() for name in ("whole", "cut")
    )
    assert all(torch.equal(value, other[key]) for key, value in one.items())


@pytest.mark.parametrize(
    "stages",
    ["filters:0.5:epochs=1,share:5:epochs=0", "lowrank:keep=0.3:by=sensitivity:epochs=1,share:6:epochs=0,huffman",
     "hash:0.1:epochs=1,huffman", "vector:4:values=8:epochs=1,fields", "huffman,prune:0.9:by=obd:epochs=1",
     "share:5:epochs=1,prune:0.5:epochs=0,lowrank:0.5:epochs=0"],
)  # fmt: skip
def test_stages_in_any_order_give_files_that_equal_their_nets(checkpoint: Path, tmp_path: Path, stages: str) -> None:
    report = compress(checkpoint, stages, tmp_path, **QUICK)
    assert report.verified.mismatches == 0 and report.ratio > 1.7
    last = report.rows[-1]
    assert last["bytes"] == (tmp_path / "net.xnor.safetensors").stat().st_size


def test_float_ends_of_a_binary_net_shrink_beside_its_bits(tmp_path: Path) -> None:
    start = trained(tmp_path / "run", "xnor[first=float,last=float]")
    report = compress(start, "prune:0.7:epochs=1,share:4:epochs=0,huffman", tmp_path / "out", **QUICK)
    assert report.ratio > 10 and report.verified.mismatches == 0
    rows = {row["name"]: row for row in report.rows[-1]["layers"]}
    codecs = {name: row["codec"] for name, row in rows.items()}
    assert codecs["conv2"] == codecs["fc1"] == "" and rows["conv2"]["bits"] == pytest.approx(1, abs=0.01)
    assert 0.9 < rows["fc1"]["entropy"] <= 1 and codecs["fc2"] in ("sparse_shared", "shared")


def test_objects_are_taken_for_text(checkpoint: Path, tmp_path: Path) -> None:
    report = compress(
        checkpoint, [Prune(sparsity=0.5, epochs=0), Share(bits=3, epochs=0), Huffman()], tmp_path, **QUICK
    )
    assert [row["stage"] for row in report.rows] == ["trained", "prune:0.5:epochs=0", "share:3:epochs=0", "huffman"]


def test_the_verb_tells_and_writes_json(tmp_path: Path) -> None:
    runner = CliRunner()
    short = ["-o", "train.epochs=1", "-o", "data.limit=160", "-o", "schedule.warmup=0", "--progress", "none"]
    done = runner.invoke(main, ["train", "digits-fp32", *short, "--out", str(tmp_path / "run")])
    assert done.exit_code == 0, done.output
    stages = "prune:0.9:epochs=1,share:4:epochs=0,huffman"
    quiet = ["--progress", "none", "--rounds", "1", "--json", str(tmp_path / "found.json")]
    words = ["compress", str(tmp_path / "run/best"), "--with", stages, "-o", str(tmp_path / "small"), *quiet]
    done = runner.invoke(main, words)
    assert done.exit_code == 0, done.output
    assert "sparse_shared" in done.output and "smaller" in done.output
    found = json.loads((tmp_path / "found.json").read_text())
    assert found["stages"][-1]["bytes"] == (tmp_path / "small/net.xnor.safetensors").stat().st_size
    shown = runner.invoke(main, ["inspect", str(tmp_path / "small/net.xnor.safetensors")])
    assert shown.exit_code == 0 and "bits a weight" in shown.output and "sparse_shared" in shown.output
    done = runner.invoke(main, ["eval", str(tmp_path / "small/1-prune/checkpoint")])
    assert done.exit_code == 0, done.output
    listed = runner.invoke(main, ["list", "stages"])
    assert all(name in listed.output for name in STAGES)


def test_bad_calls_are_refused_before_anything_is_written(checkpoint: Path, tmp_path: Path) -> None:
    for stages, error in (("melt", RecipeError), ("", RecipeError), ("prune:much", RecipeError)):
        with pytest.raises(error):
            compress(checkpoint, stages, tmp_path / "out", **QUICK)
    with pytest.raises((CheckpointError, DataError)):
        compress(tmp_path / "nothing", "huffman", tmp_path / "out", **QUICK)
    assert not (tmp_path / "out").exists()
