"""README and docs are run: ``sh`` blocks under ``<!-- run -->``, and the ``python`` blocks of each page in order."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md")])
SHELL = re.compile(r"<!-- run -->\n```sh\n(.*?)```", re.S)
PYTHON = re.compile(r"^```python\n(.*?)^```", re.S | re.M)
SECONDS = 300


def environment() -> dict[str, str]:
    """This interpreter's ``xnorkit`` and ``python`` first on the path, one thread."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return {**os.environ, "PATH": path, "OMP_NUM_THREADS": "1", "NO_COLOR": "1"}


def cases() -> list[tuple[str, str]]:
    """(id, text) of every shell block that is to be run."""
    return [(f"{page.stem}-{i}", block) for page in PAGES for i, block in enumerate(SHELL.findall(page.read_text()))]


def test_there_is_something_to_run() -> None:
    assert SHELL.search((ROOT / "README.md").read_text())
    assert PYTHON.search((ROOT / "README.md").read_text())


@pytest.mark.parametrize("block", [pytest.param(text, id=name) for name, text in cases()])
def test_shell_blocks(block: str, tmp_path: Path) -> None:
    done = subprocess.run(["bash", "-euo", "pipefail", "-c", block], cwd=tmp_path, env=environment(), text=True,
                          capture_output=True, timeout=SECONDS, check=False)  # fmt: skip
    assert done.returncode == 0, f"{block}\n{done.stdout}{done.stderr}"


@pytest.mark.parametrize("page", [pytest.param(p, id=p.stem) for p in PAGES if PYTHON.search(p.read_text())])
def test_python_blocks(page: Path, tmp_path: Path) -> None:
    code = "\n".join(PYTHON.findall(page.read_text()))
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=environment(), text=True,
                          capture_output=True, timeout=SECONDS, check=False)  # fmt: skip
    assert done.returncode == 0, f"{code}\n{done.stdout}{done.stderr}"
