"""``python -m xnorkit.compare.worker DIR RUN``: train one run of a comparison, then pack and verify it.

Standard input is the leash: when it closes, because the parent asks for it or is gone, the process stops between two
steps with its checkpoint saved, as at Ctrl-C.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import traceback
from pathlib import Path

import click

from ..errors import XnorkitError
from ..train.launch import run as train
from .packing import pack, packs
from .plan import Run, load_plan, recipe_file, run_folder

STOPPED = 130
"""Exit status of a run that was asked to stop."""


@click.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.argument("name")
@click.option("--device", default="auto")
@click.option("--pictures", type=int, help="Pictures that are verified; default: the whole test split.")
@click.option("--repack", is_flag=True)
@click.option("--leash", is_flag=True, help="Stop when standard input closes.")
def main(folder: Path, name: str, device: str, pictures: int | None, repack: bool, leash: bool) -> None:
    """Bring one run of the comparison in FOLDER to its end."""
    if leash:
        threading.Thread(target=_hold, daemon=True).start()
    try:
        chosen = next(run for run in load_plan(folder).runs if run.name == name)
        finish(folder, chosen, device=device, pictures=pictures, repack=repack)
    except XnorkitError as error:
        print(f"error {error.code}: {error}", file=sys.stderr)
        raise SystemExit(1) from None
    except Exception as error:
        traceback.print_exc()
        print(f"error {type(error).__name__}: {error}; the log says where", file=sys.stderr)
        raise SystemExit(1) from None
    except KeyboardInterrupt:
        raise SystemExit(STOPPED) from None


def finish(folder: Path, run: Run, *, device: str = "auto", pictures: int | None = None, repack: bool = False) -> None:
    """Train where training is not finished, pack where the packed file is not of this checkpoint. Raises as both."""
    target = run_folder(folder, run)
    if not (target / "result.json").is_file():
        train(recipe_file(folder, run), out=target, device=device, progress="plain", tensorboard=False)
    if repack or not packs(folder, run):
        found = pack(folder, run, pictures=pictures, threads=int(os.environ.get("OMP_NUM_THREADS", "1")))
        told = f"{found['bytes']:,} bytes, verify {found['verify']}" if found["packs"] else f"no: {found['why']}"
        print(f"packed: {told}", file=sys.stderr, flush=True)


def _hold() -> None:
    """Wait for the end of standard input, then ask this process to stop."""
    while os.read(0, 1):  # not sys.stdin, whose lock a waiting thread would hold while the interpreter ends
        pass
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    main()
