"""train -> export -> verify -> eval on the command line, on a run of seconds; and the refusals."""

from __future__ import annotations

import dataclasses
import json
import resource
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image

from xnorkit.cli import demo
from xnorkit.cli.main import main
from xnorkit.graph import store

Run = Callable[..., Result]
SHORT = (
    "-o",
    "train.epochs=1",
    "-o",
    "data.limit=320",
    "-o",
    "schedule.warmup=0",
    "--progress",
    "none",
    "--device",
    "cpu",
)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a short run and its packed file, ``net.xnor.safetensors``."""
    folder = tmp_path_factory.mktemp("trained")
    runner = CliRunner()
    done = runner.invoke(
        main, ["train", "digits-xnor", *SHORT, "--out", str(folder / "run"), "--json", str(folder / "train.json")]
    )
    assert done.exit_code == 0, done.output
    done = runner.invoke(main, ["export", str(folder / "run/best"), str(folder / "net.xnor.safetensors"),
                                "--json", str(folder / "export.json")])  # fmt: skip
    assert done.exit_code == 0, done.output
    return folder


def test_train_reports_where_the_best_checkpoint_is(trained: Path) -> None:
    found = json.loads((trained / "train.json").read_text())
    assert Path(found["best"]) == trained / "run/best"
    assert found["count"] == 355
    assert len(found["history"]) == 1


def test_export_says_what_is_one_bit_and_why_the_rest_is_not(trained: Path) -> None:
    found = json.loads((trained / "export.json").read_text())
    assert found["file_bytes"] == (trained / "net.xnor.safetensors").stat().st_size
    assert [row["packed"] for row in found["layers"]].count(True) == 2
    assert all(row["why"] for row in found["layers"])
    meta = store.load(trained / "net.xnor.safetensors").meta
    assert json.loads(meta["classes"]) == [str(i) for i in range(10)]
    assert meta["dataset"] == "digits"
    assert "epochs: 1" in meta["recipe"]


def test_verify_proves_all_test_pictures(xnorkit: Run, trained: Path) -> None:
    result = xnorkit("verify", trained / "run/best", trained / "net.xnor.safetensors", "--json", "-")
    found = json.loads(result.stdout)
    assert result.exit_code == 0
    assert (found["ok"], found["n"], found["mismatches"]) == (True, 355, 0)


def test_verify_names_the_layer_of_a_flipped_weight(xnorkit: Run, trained: Path, tmp_path: Path) -> None:
    graph = store.load(trained / "net.xnor.safetensors")
    node = next(node for node in graph.nodes if node.op == "bconv2d")
    key = node.tensors["weight"]
    weight = np.array(graph.tensors[key])
    weight[0] ^= 1
    store.save(dataclasses.replace(graph, tensors={**graph.tensors, key: weight}), tmp_path / "other.safetensors")
    result = xnorkit("verify", trained / "run/best", tmp_path / "other.safetensors", "--limit", 32)
    assert result.exit_code == 1
    assert result.stderr.startswith("error: [verify]")
    assert node.name in result.stderr


def test_verify_refuses_a_file_of_another_net(xnorkit: Run, trained: Path, model: Path) -> None:
    result = xnorkit("verify", trained / "run/best", model, "digits")
    assert result.exit_code == 1
    assert result.stderr.startswith("error: [")
    assert "Traceback" not in result.output


def test_checkpoint_and_packed_file_score_the_same(xnorkit: Run, trained: Path, tmp_path: Path) -> None:
    picture = tmp_path / "confusion.png"
    packed = json.loads(xnorkit("eval", trained / "net.xnor.safetensors", "--json", "-", "--confusion", picture).stdout)
    checkpoint = json.loads(xnorkit("eval", trained / "run/best", "--json", "-").stdout)
    for key in ("count", "top1", "top5", "confusion", "dataset"):
        assert packed[key] == checkpoint[key]
    assert np.sum(packed["confusion"]) == 355
    with Image.open(picture) as image:
        assert min(image.size) > 300


def test_eval_on_a_folder_of_pictures(xnorkit: Run, trained: Path, tmp_path: Path) -> None:
    from xnorkit.train.data.datasets import load

    digits = load("digits", "test")
    for i in range(30):
        folder = tmp_path / "mine" / "test" / str(digits.labels[i])
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(digits.images[i, ..., 0]).save(folder / f"{i}.png")
    names = {path.name for path in (tmp_path / "mine/test").iterdir()}
    result = xnorkit("eval", trained / "net.xnor.safetensors", tmp_path / "mine", "--json", "-")
    found = json.loads(result.stdout)
    assert found["count"] == 30
    assert names == {str(i) for i in range(10)}


def test_eval_refuses_pictures_of_more_classes_than_the_net_knows(xnorkit: Run, model: Path) -> None:
    result = xnorkit("eval", model, "digits")
    assert result.exit_code == 1
    assert result.stderr.startswith("error: [")


def _tiny_disk() -> None:
    """In the child: no file may grow beyond 20,000 bytes; writes then fail as on a full disk."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20000, 20000))


def test_full_disk_while_exporting_keeps_the_old_file(trained: Path, tmp_path: Path) -> None:
    target = tmp_path / "net.xnor.safetensors"
    target.write_text("old")
    done = subprocess.run([sys.executable, "-m", "xnorkit", "export", str(trained / "run/best"), str(target)],
                          preexec_fn=_tiny_disk, capture_output=True, text=True, check=False)  # fmt: skip
    assert done.returncode == 1
    assert "error: [" in done.stderr and "Traceback" not in done.stderr
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_export_of_a_damaged_checkpoint(xnorkit: Run, trained: Path, tmp_path: Path) -> None:
    copy = tmp_path / "best"
    copy.mkdir()
    for path in (trained / "run/best").iterdir():
        (copy / path.name).write_bytes(path.read_bytes()[:-1])
    result = xnorkit("export", copy, tmp_path / "out.safetensors")
    assert result.exit_code == 1
    assert result.stderr.startswith("error: [")
    assert not (tmp_path / "out.safetensors").exists()


def test_recipe_keys_are_listed(xnorkit: Run) -> None:
    shown = xnorkit("train", "--keys").output
    assert "train.epochs" in shown and "optim.lr" in shown


def test_demo_has_all_its_figures(xnorkit: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    short = ("train.epochs=1", "data.limit=320", "schedule.warmup=0")
    monkeypatch.setitem(demo.RECIPES, "digits", ("digits-xnor", short))
    monkeypatch.setattr(
        demo, "race", lambda calls: dict.fromkeys(calls, 0.5) if all(c() is not None for c in calls.values()) else {}
    )
    result = xnorkit("demo", "--data", "digits", "--json", tmp_path / "demo.json")
    assert result.exit_code == 0, result.output
    assert "predictions equal: 355/355" in result.output
    found = json.loads((tmp_path / "demo.json").read_text())
    assert (found["dataset"], found["n_test"], found["prediction_mismatches"]) == ("digits", 355, 0)
    assert found["packed"]["accuracy"] == found["binary"]["accuracy"]
    assert found["fp32"]["accuracy"] > 0
    assert found["packed"]["file_bytes"] * 20 < found["fp32"]["file_bytes"]
    assert found["latency_ms"] == {"packed": 500, "torch_fp32": 500}
    assert found["throughput"] == {"packed": 128, "torch_fp32": 128}
    assert found["runs"][0]["parameters"]["packed"]["binary"] == 425000


def test_export_writes_onnx_of_a_checkpoint_and_of_a_packed_file(trained: Path, xnorkit: Run, tmp_path: Path) -> None:
    import onnxruntime

    one, other = tmp_path / "one.onnx", tmp_path / "other.onnx"
    assert xnorkit("export", trained / "run/best", one).exit_code == 0
    assert xnorkit("export", trained / "net.xnor.safetensors", other, "--json", tmp_path / "o.json").exit_code == 0
    assert one.read_bytes() == other.read_bytes()
    assert json.loads((tmp_path / "o.json").read_text())["file_bytes"] == other.stat().st_size
    session = onnxruntime.InferenceSession(str(one), providers=["CPUExecutionProvider"])
    assert session.run(None, {session.get_inputs()[0].name: np.zeros((3, 28, 28, 1), np.uint8)})[0].shape == (3, 10)


def test_export_of_a_packed_file_makes_onnx_only(trained: Path, xnorkit: Run, tmp_path: Path) -> None:
    refused = xnorkit("export", trained / "net.xnor.safetensors", tmp_path / "again.safetensors")
    assert refused.exit_code == 1 and ".onnx" in refused.output
    assert not any(tmp_path.iterdir())
