"""``xnorkit compare``: one net, one budget, chosen schemes and seeds; resumable."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..errors import RecipeError
from .output import Output
from .verb import Failure, Verb, need_torch, verb

if TYPE_CHECKING:
    from ..compare.plan import Plan

MANY = ("--schemes", "--seeds", "--for")
"""Options that take all values up to the next option."""


def spread(words: Sequence[str]) -> list[str]:
    """``--seeds 0 1`` as click reads it: ``--seeds 0 --seeds 1``.

    >>> spread(["digits", "--schemes", "bnn", "xnor[kmap=true]", "--seeds", "0", "1", "--json", "-"])[3:7]
    ['--schemes', 'xnor[kmap=true]', '--seeds', '0']
    """
    found: list[str] = []
    many = ""
    for word in words:
        if word.startswith("-") and word != "-":
            many = word if word in MANY else ""
            found += [] if many else [word]
        else:
            found += [many, word] if many else [word]
    return found


class Many(Verb):
    """A verb with options of many values."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        return super().parse_args(ctx, spread(args))


@verb(
    "compare",
    example='xnorkit compare digits-xnor --schemes fp32 bnn xnor "xnor[kmap=true]" --seeds 0 1 2\n'
    'xnorkit compare digits-xnor --schemes bop "C-B-A-P=xnor[order=cbap]" --for bop optim.lr=0.005 train.batch=32\n'
    "xnorkit compare comparison.yaml                     # recipe, seeds, schemes and their own keys from a file\n"
    "xnorkit compare runs/compare-digits-xnor            # go on after a stop\n"
    "xnorkit compare runs/compare-digits-xnor --report   # table and picture of what is there",
    cls=Many,
)
@click.argument("what", metavar="RECIPE|FILE|FOLDER")
@click.option("--schemes", multiple=True, metavar="SCHEME...", help="Names of `xnorkit list methods`, with options in "
              "brackets: xnor[kmap=true]; LABEL=SCHEME to call it so.")  # fmt: skip
@click.option("--for", "own", multiple=True, metavar="SCHEME KEY=VALUE...", help="Recipe keys of one scheme (or label) "
              "alone, e.g. its learning rate; win over -o.")  # fmt: skip
@click.option("--seeds", multiple=True, type=click.IntRange(0), metavar="N...", help="Seeds of each; default: 0.")
@click.option("-o", "overrides", multiple=True, metavar="KEY=VALUE", help="Set a recipe key for all, e.g. "
              "train.epochs=3; wins over what a scheme asks for.")  # fmt: skip
@click.option("--out", "folder", metavar="FOLDER", help="Where all of it goes; default: runs/compare-RECIPE.")
@click.option("--jobs", type=click.IntRange(1), help="Runs at a time; default: cores / threads.")
@click.option("--threads", default=1, show_default=True, type=click.IntRange(1), help="Threads of each run.")
@click.option("--verify", "pictures", default=1000, show_default=True, type=click.IntRange(0),
              help="Pictures of the test split by which packed and trained model are compared; 0: all.")  # fmt: skip
@click.option("--rounds", default=25, show_default=True, type=click.IntRange(1), help="Rounds of the latencies.")
@click.option("--repack", is_flag=True, help="Pack and verify all trained runs anew.")
@click.option("--report", is_flag=True, help="Only make table and picture of what FOLDER holds.")
@click.option("--keep", "kept", metavar="FOLDER", help="Copy results, recipes, reports and a packed file of each "
              "scheme there, without checkpoints: `xnorkit compare FOLDER` goes on from such a copy.")  # fmt: skip
@click.option("--device", default="auto", show_default=True, type=click.Choice(["auto", "cpu"]))
@click.option("--progress", default="auto", show_default=True, type=click.Choice(["auto", "bar", "plain", "none"]),
              help="auto: bars on a terminal, a line an epoch elsewhere; on standard error.")  # fmt: skip
def command(
    out: Output, what: str, schemes: tuple[str, ...], own: tuple[str, ...], seeds: tuple[int, ...],
    overrides: tuple[str, ...], folder: str | None, jobs: int | None, threads: int, pictures: int, rounds: int,
    repack: bool, report: bool, kept: str | None, device: str, progress: str,
) -> None:  # fmt: skip
    """Train one net by many schemes; accuracy against bytes and milliseconds.

    RECIPE is a shipped name or a YAML file: the net and the budget; a scheme adds what belongs to it, --for what suits
    it. FILE is a YAML file of recipe, seeds and schemes. The report prints each scheme's own settings. Each run has a
    process and a folder of its own. Ctrl-C saves all; the same command, or `xnorkit compare FOLDER`, goes on from
    there. A failed run does not stop the others; the exit status is then 1. Accuracy is of the test split; bytes and
    milliseconds are of the packed file.
    """
    need_torch("compare")
    from ..compare.latency import clock
    from ..compare.progress import teller
    from ..compare.report import write
    from ..compare.runner import How, carry_out

    place, plan = _plan(what, schemes, seeds, overrides, own_keys(own), folder, report)
    if report:
        _show(out, place, write(place))
        _keep(place, kept)
        return
    how = How(jobs or max(1, _cores() // threads), threads, device, pictures or None, repack)
    try:
        failed = carry_out(place, plan.runs, how, teller(progress))
    except KeyboardInterrupt:
        write(place)
        click.echo(f"stopped; go on with: xnorkit compare {place}", err=True)
        raise SystemExit(130) from None
    clock(place, plan.runs, rounds=rounds)
    _show(out, place, write(place))
    _keep(place, kept)
    if failed:
        told = [f"{item.run.name} (status {item.status}):\n{item.said}" for item in failed]
        raise Failure(f"{len(failed)} of {len(plan.runs)} runs failed; logs in {place / 'logs'}\n" + "\n".join(told))


def own_keys(words: Sequence[str]) -> dict[str, list[str]]:
    """Words of ``--for`` by scheme: a word begins another one when it is no KEY=VALUE of a recipe.

    >>> own_keys(["bop", "optim.lr=0.01", "train.batch=32", "xnor[order=cbap]", "optim.lr=0.1"])
    {'bop': ['optim.lr=0.01', 'train.batch=32'], 'xnor[order=cbap]': ['optim.lr=0.1']}
    """
    found: dict[str, list[str]] = {}
    name = ""
    for word in words:
        head = word.partition("[")[0]
        if "=" in head and name:
            found[name].append(word)
        else:
            name = word
            found.setdefault(name, [])
    for name, texts in found.items():
        if not texts:
            raise RecipeError("--for", "no recipe keys", got=name, expected="SCHEME KEY=VALUE...")
    return found


def _plan(what: str, schemes: Sequence[str], seeds: Sequence[int], overrides: Sequence[str],
          own: dict[str, list[str]], folder: str | None, report: bool) -> tuple[Path, Plan]:  # fmt: skip
    """Folder and plan: of the comparison that is there, with further runs if asked for, or a new one."""
    from ..compare.plan import extend, is_comparison, load_plan, make_plan, store
    from ..compare.sheet import is_sheet, read_sheet
    from ..train.recipe import load

    if is_comparison(what):
        if overrides or folder:
            given = [*overrides, *([folder] if folder else [])]
            raise RecipeError("compare", "a comparison that is there keeps its recipe and folder", got=given,
                              hint="give the recipe instead")  # fmt: skip
        place = Path(what)
        return place, load_plan(place) if report else extend(place, schemes, seeds, own)
    if report:
        load_plan(Path(what))
    if is_sheet(what):
        sheet = read_sheet(what)
        plan = make_plan(sheet.recipe, (*sheet.entries, *schemes), seeds or sheet.seeds,
                         (*sheet.overrides, *overrides), own)  # fmt: skip
        place = Path(folder) if folder else Path("runs") / f"compare-{sheet.name}"
        return place, store(plan, place)
    if not schemes:
        raise click.UsageError('give --schemes, e.g. --schemes fp32 bnn xnor "xnor[kmap=true]"')
    plan = make_plan(what, schemes, seeds or (0,), overrides, own)
    place = Path(folder) if folder else Path("runs") / f"compare-{load(what).name}"
    return place, store(plan, place)


def _show(out: Output, place: Path, found: dict[str, Any]) -> None:
    from ..compare.report import COLUMNS, cells, told

    out.table(COLUMNS, cells(found["schemes"]))
    for line in told(found):
        out.line(line.removeprefix("- "))
    out.line(f"{found['finished']} of {len(found['runs'])} runs finished; {place / 'compare.md'}, .json, .png")
    out.result({"out": place, **found})


def _keep(place: Path, target: str | None) -> None:
    from ..compare.keep import keep

    if target:
        written = keep(place, Path(target))
        size = sum((Path(target) / name).stat().st_size for name in written)
        click.echo(f"kept {len(written)} files, {size:,} bytes, in {target}", err=True)


def _cores() -> int:
    """Cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
