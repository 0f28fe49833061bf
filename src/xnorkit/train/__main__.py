"""``python -m xnorkit.train RECIPE --out RUN``: train without the rest of the command line.

torchrun --nproc-per-node 2 -m xnorkit.train digits-xnor --out runs/digits
"""

from __future__ import annotations

import sys
from pathlib import Path

import click

from xnorkit.errors import XnorkitError
from xnorkit.train.launch import RESUME, run
from xnorkit.train.progress import KINDS


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("recipe")
@click.option("--out", type=click.Path(path_type=Path), default=None, help="Run folder (default runs/NAME).")
@click.option("-o", "overrides", multiple=True, metavar="KEY=VALUE", help="Set a recipe key, e.g. train.epochs=3.")
@click.option("--resume", type=click.Choice(RESUME), default="auto", show_default=True)
@click.option("--device", type=click.Choice(["auto", "cpu"]), default="auto", show_default=True)
@click.option("--progress", type=click.Choice(KINDS), default="auto", show_default=True)
def main(recipe: str, out: Path | None, overrides: tuple[str, ...], resume: str, device: str, progress: str) -> None:
    """Train RECIPE, a shipped name or a YAML file. Run it again to go on after a stop."""
    try:
        run(recipe, out=out, overrides=overrides, resume=resume, device=device, progress=progress)
    except XnorkitError as error:
        print(f"error {error.code}: {error}", file=sys.stderr)
        raise SystemExit(1) from None
    except KeyboardInterrupt:
        raise SystemExit(130) from None


if __name__ == "__main__":
    main()
