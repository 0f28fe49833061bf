"""Rules of the tree itself: sizes, rooms, licences of speech (no paths of anyone's machine)."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SOURCES = {".py", ".cc", ".h", ".md", ".txt", ".toml", ".yaml", ".yml", ""}
MAX_LINES = 400
MAX_README_LINES = 40
ROOMS = (
    "reference",
    "format",
    "graph",
    "interop",
    "runtime",
    "zoo",
    "draw",
    "estimators",
    "bench",
    "nn",
    "models",
    "train",
    "export",
    "compress",
    "compare",
    "cli",
)
ENGINE = ("engine", "engine/codecs", "engine/kernels", "engine/ops", "engine/program")
FOLDERS = [*(f"src/xnorkit/{room}" for room in ROOMS), *ENGINE]
MACHINE_PATHS = re.compile("|".join(["/" + "work/", "/" + "root/", "/" + "home/[a-z]", "/" + "Users/[A-Za-z]"]))


def tracked() -> list[Path]:
    """Files under version control; the test is skipped outside a clone."""
    done = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        pytest.skip("not a git clone")
    return [ROOT / name for name in done.stdout.split("\0") if name and (ROOT / name).is_file()]


def texts() -> list[tuple[str, str]]:
    """(name, text) of every tracked source."""
    found = [path for path in tracked() if path.suffix in SOURCES]
    assert len(found) > 50
    return [(str(path.relative_to(ROOT)), path.read_text(encoding="utf-8")) for path in found]


def test_no_source_is_longer_than_400_lines() -> None:
    long = {name: text.count("\n") for name, text in texts() if name != "LICENSE" and text.count("\n") > MAX_LINES}
    assert not long


def test_no_file_names_a_path_of_some_machine() -> None:
    named = {name: found.group() for name, text in texts() if (found := MACHINE_PATHS.search(text))}
    assert not named


def test_no_unfinished_work_is_marked() -> None:
    marks = re.compile(r"\b(" + "|".join(["TO" + "DO", "FIX" + "ME", "X" + "XX"]) + r")\b")
    assert not {name: found.group() for name, text in texts() if (found := marks.search(text))}


@pytest.mark.parametrize("folder", FOLDERS)
def test_every_room_has_a_short_readme(folder: str) -> None:
    lines = (ROOT / folder / "README.md").read_text(encoding="utf-8").splitlines()
    assert 3 <= len(lines) <= MAX_README_LINES


def test_rooms_are_all_listed() -> None:
    found = {path.parent.name for path in (ROOT / "src" / "xnorkit").glob("*/__init__.py")}
    assert found == set(ROOMS)


def test_markdown_links_lead_somewhere() -> None:
    broken = []
    for name, text in texts():
        if not name.endswith(".md"):
            continue
        for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", re.sub(r"```.*?```", "", text, flags=re.S)):
            if "://" not in target and not ((ROOT / name).parent / target).exists():
                broken.append(f"{name}: {target}")
    assert not broken
