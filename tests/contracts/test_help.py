"""Every verb is in the table, has -h with an example of itself, and the group stays lean."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from xnorkit.cli import main as cli
from xnorkit.cli.verb import Verb

FOLDER = Path(cli.__file__).parent


@pytest.mark.parametrize("name", list(cli.VERBS))
def test_help_shows_an_example_of_the_verb(name: str) -> None:
    shown = CliRunner().invoke(cli.main, [name, "-h"])
    assert shown.exit_code == 0
    assert "Example:" in shown.output
    assert f"xnorkit {name}" in shown.output.split("Example:")[1]
    assert "--json FILE" in shown.output


@pytest.mark.parametrize("name", list(cli.VERBS))
def test_the_table_row_is_the_first_line_of_the_help(name: str) -> None:
    command = cli.main.get_command(click.Context(cli.main), name)
    assert isinstance(command, Verb)
    assert command.name == name
    assert (command.help or "").splitlines()[0] == cli.VERBS[name]


@pytest.mark.parametrize("name", list(cli.VERBS))
def test_every_option_has_a_help_text(name: str) -> None:
    command = cli.main.get_command(click.Context(cli.main), name)
    assert command is not None
    silent = [
        p.name
        for p in command.params
        if isinstance(p, click.Option) and not (p.help or isinstance(p.type, click.Choice))
    ]
    assert not silent


def test_every_verb_module_is_in_the_table() -> None:
    modules = {path.stem.rstrip("_") for path in FOLDER.glob("*.py") if "\n@verb(" in path.read_text()}
    assert modules == set(cli.VERBS)


def test_group_help_imports_no_heavy_library() -> None:
    code = (
        "import sys\nfrom xnorkit.cli.main import main\n"
        "try: main(['-h'])\nexcept SystemExit as e: assert e.code == 0\n"
        "heavy = {'torch', 'numpy', 'PIL', 'rich', 'matplotlib', 'sklearn'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert all(verb in done.stdout for verb in cli.VERBS)
