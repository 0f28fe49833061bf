"""``xnorkit``: the table of verbs, each loaded only when it is called, so that ``xnorkit -h`` is instant."""

from __future__ import annotations

import importlib
from importlib.metadata import version

import click

VERBS: dict[str, str] = {
    "demo": "Train, pack, prove and race a small net on embedded data.",
    "train": "Train a net as a YAML recipe says.",
    "compare": "Train one net by many schemes; accuracy against bytes and milliseconds.",
    "compress": "Make a trained net small: prune, share weights, code the file.",
    "eval": "Top-1 and top-5 of a checkpoint or a packed file on a dataset.",
    "export": "Pack a trained checkpoint into one file, or write it as ONNX.",
    "verify": "Prove a packed file equal to the checkpoint it came from.",
    "explain": "List every step of a packed file that is not one-bit or not fused: why, its time and bytes.",
    "inspect": "Show the graph, bits, bytes and operations of a packed file.",
    "predict": "Classify pictures with a packed file.",
    "bench": "Time our layers, race them against what is installed, or profile a packed file.",
    "list": "List models, methods, quantizers, ops, kernels, datasets, recipes, stages, codecs or the zoo.",
    "doctor": "Show CPU features, chosen kernels, versions and data found.",
}
"""Verb -> one-line help. A verb lives in ``cli/<verb>.py``; ``list`` and ``eval`` in ``list_.py`` and ``eval_.py``."""


class LazyGroup(click.Group):
    """A group that knows its verbs from the table and imports a verb's module only to run it or show its own help."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in VERBS:
            return None
        suffix = "_" if cmd_name in ("list", "eval") else ""
        command: click.Command = importlib.import_module(f"xnorkit.cli.{cmd_name}{suffix}").command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Verbs"):
            formatter.write_dl(list(VERBS.items()))


def _print_version(ctx: click.Context, param: click.Parameter, value: bool) -> None:
    if value:
        click.echo(f"xnorkit {version('xnorkit')}")
        ctx.exit()


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]}, epilog="Example: xnorkit demo")
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_print_version,
    help="Show the version and exit.",
)
def main() -> None:
    """Binarized neural networks: train in PyTorch, pack to one bit, prove equal, run fast on CPUs.

    Every verb takes -h (help with an example), --json FILE (or - for standard output) and --debug (a traceback on
    errors). Exit status: 0 success, 1 failure, 2 wrong usage.
    """
