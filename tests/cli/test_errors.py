"""When something is wrong: one clear line, a hint, the exit status; never a traceback, nothing lost."""

from __future__ import annotations

import json
import resource
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

from xnorkit.cli.output import Output, bar

Run = Callable[..., Result]


def test_unknown_verb_is_a_usage_error(xnorkit: Run) -> None:
    result = xnorkit("pridect")
    assert result.exit_code == 2
    assert "No such command" in result.stderr


def test_unknown_option_is_a_usage_error(xnorkit: Run) -> None:
    assert xnorkit("inspect", "x", "--nope").exit_code == 2


def test_version(xnorkit: Run) -> None:
    assert xnorkit("--version").output.startswith("xnorkit 0.")


@pytest.mark.parametrize("arguments, says", [
    (["train", "no-such-recipe"], "fashion-mnist-lenet5-xnor"),
    (["train", "fashion-mnist-lenet5-xnor", "-o", "train.epoch=3"], "did you mean epochs"),
    (["train", "fashion-mnist-lenet5-xnor", "-o", "train.epochs=many"], "train.epochs"),
    (["train", "digits-xnor", "-o", "model.name=lenet55"], "binarynet"),
    (["train", "fashion-mnist-lenet5-xnor", "-o", "data.root=nowhere"], "apt-get install dataset-fashion-mnist"),
    (["train", "fashion-mnist-lenet5-xnor", "-o", "data.name=fashion-mist"], "did you mean fashion-mnist"),
    (["eval", "nowhere/best"], "no such checkpoint folder"),
    (["eval", "nowhere.safetensors", "digits"], "no such packed file"),
    (["export", "nowhere/best", "out.safetensors"], "no such checkpoint folder"),
    (["verify", "nowhere/best", "out.safetensors"], "no such packed file"),
])  # fmt: skip
def test_bad_arguments_name_the_way_out(xnorkit: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
                                        arguments: list[str], says: str) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    result = xnorkit(*arguments)
    assert result.exit_code == 1, result.output
    assert result.stderr.startswith("error: [")
    assert says in result.stderr
    assert "Traceback" not in result.output
    assert not list(tmp_path.iterdir())


def test_missing_dataset_says_how_to_get_it(xnorkit: Run, model: Path, tmp_path: Path) -> None:
    result = xnorkit("eval", model, "fashion-mnist", "--root", tmp_path / "empty")
    assert result.exit_code == 1
    assert "apt-get install dataset-fashion-mnist" in result.stderr


def test_a_file_that_does_not_say_its_dataset(xnorkit: Run, model: Path) -> None:
    result = xnorkit("eval", model)
    assert result.exit_code == 1
    assert "give DATA" in result.stderr


def test_missing_folder_for_json(xnorkit: Run, model: Path, tmp_path: Path) -> None:
    result = xnorkit("inspect", model, "--json", tmp_path / "none" / "out.json")
    assert result.exit_code == 1
    assert "cannot write" in result.stderr


def _tiny_disk() -> None:
    """In the child: no file may grow beyond 100 bytes; writes then fail as on a full disk."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))


def test_full_disk_keeps_the_old_file_and_leaves_no_scraps(model: Path, tmp_path: Path) -> None:
    target = tmp_path / "out" / "result.json"
    target.parent.mkdir()
    target.write_text("{}")
    done = subprocess.run([sys.executable, "-m", "xnorkit", "inspect", str(model), "--json", str(target)],
                          preexec_fn=_tiny_disk, capture_output=True, text=True, check=False)  # fmt: skip
    assert done.returncode == 1
    assert "error: [" in done.stderr and "Traceback" not in done.stderr
    assert target.read_text() == "{}"
    assert list(target.parent.iterdir()) == [target]


def test_no_colour_and_no_boxes_into_a_pipe(model: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "xnorkit", "inspect", str(model)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0
    assert "\x1b" not in done.stdout
    assert "│" not in done.stdout


def test_json_to_standard_output_is_all_there_is(model: Path) -> None:
    done = subprocess.run([sys.executable, "-m", "xnorkit", "inspect", str(model), "--json", "-"], capture_output=True,
                          text=True, check=False)  # fmt: skip
    assert json.loads(done.stdout)["meta"]["about"] == "brightness"


def test_a_closed_pipe_ends_quietly(model: Path) -> None:
    line = f"{sys.executable} -m xnorkit inspect {model} --graph | true"
    done = subprocess.run(line, shell=True, capture_output=True, text=True, check=False)
    assert "Traceback" not in done.stderr


def test_columns_align(capsys: pytest.CaptureFixture[str]) -> None:
    Output(None).table(["a", "n"], [["x", 1], ["long", 1234567], ["y", 0.5]], title="T")
    assert capsys.readouterr().out.splitlines() == [
        "T",
        "a             n",
        "x             1",
        "long  1,234,567",
        "y           0.5",
    ]


def test_bars_stay_within_their_width() -> None:
    assert [bar(share, 2) for share in (-1, 0, 0.5, 2)] == ["░░", "░░", "█░", "██"]
