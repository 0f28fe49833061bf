"""``xnorkit train``: a YAML recipe becomes a run folder; kill it and call it again to go on."""

from __future__ import annotations

from typing import Any

import click

from .output import Output
from .verb import need_torch, verb


def _show_keys(ctx: click.Context, param: click.Parameter, value: bool) -> None:
    """Print every recipe key with its kind, default and meaning, and leave."""
    if not value:
        return
    from ..train.config import describe
    from ..train.recipe import Recipe

    rows = [[row.key, row.kind, row.default, row.help] for row in describe(Recipe)]
    Output(None).table(["key", "kind", "default", "meaning"], rows)
    ctx.exit()


@verb(
    "train",
    example="xnorkit train fashion-mnist-lenet5-xnor\n"
    "xnorkit train my.yaml -o train.epochs=3 -o optim.lr=1e-3 --out runs/short\n"
    "xnorkit train fashion-mnist-lenet5-xnor --diagnose\n"
    "xnorkit train fashion-mnist-lenet5-xnor -o distill.teacher=runs/fashion-mnist-lenet5-fp32\n"
    "torchrun --nproc-per-node 2 -m xnorkit train fashion-mnist-lenet5-xnor",
)
@click.argument("recipe")
@click.option("-o", "overrides", multiple=True, metavar="KEY=VALUE", help="Set a recipe key, e.g. train.epochs=3.")
@click.option("--out", "folder", metavar="FOLDER", help="Run folder; default: runs/NAME.")
@click.option(
    "--diagnose",
    is_flag=True,
    help="Observe gradients, activations and sign flips every 10 steps (-o train.diagnose=N for another N): warnings "
    "by layer, RUN/diagnostics.jsonl and .png, TensorBoard.",
)
@click.option("--seed", type=int, help="Short for -o seed=N.")
@click.option(
    "--resume",
    default="auto",
    show_default=True,
    type=click.Choice(["auto", "always", "never"]),
    help="auto: go on where the run folder stands, if it does; never: start over.",
)
@click.option(
    "--device",
    default="auto",
    show_default=True,
    type=click.Choice(["auto", "cpu"]),
    help="auto: what Accelerate finds.",
)
@click.option(
    "--progress",
    default="auto",
    show_default=True,
    type=click.Choice(["auto", "bar", "plain", "none"]),
    help="auto: a bar on a terminal, a line an epoch elsewhere; on standard error.",
)
@click.option(
    "--keys",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_show_keys,
    help="Show all recipe keys and exit.",
)
def command(
    out: Output,
    recipe: str,
    overrides: tuple[str, ...],
    seed: int | None,
    folder: str | None,
    diagnose: bool,
    **how: Any,
) -> None:
    """Train a net as a YAML recipe says.

    RECIPE is a shipped name (`xnorkit list recipes`) or a YAML file. Ctrl-C leaves a checkpoint in RUN/last; the same
    command goes on from there to the same result. RUN/best holds the model to export. Of a recipe with stages it is the
    last one's; the others are in RUN/stages. A teacher is the key distill.teacher, a net to begin with model.init.
    """
    need_torch("train")
    from ..train.launch import run

    chosen = [*(["train.diagnose=10"] if diagnose else []), *overrides, *([] if seed is None else [f"seed={seed}"])]
    result = run(recipe, out=folder, overrides=chosen, **how)
    best, test = result.out / "best", result.test
    for earlier in result.stages:
        out.line(f"stage before: {earlier / 'best'}")
    for finding in result.diagnoses[-1]["findings"] if result.diagnoses else []:
        out.line(f"last epoch, {finding['text']}")
    out.line(f"test top-1 {100 * test.top1:.2f} %, top-5 {100 * test.top5:.2f} % on {test.count:,} pictures: {best}")
    out.result(
        {
            "out": result.out,
            "best": best,
            "epoch": result.best["epoch"],
            "count": test.count,
            **test.summary(),
            "history": result.history,
            **({"stages": list(result.stages)} if result.stages else {}),
            **({"diagnoses": result.diagnoses} if result.diagnoses else {}),
        }
    )
