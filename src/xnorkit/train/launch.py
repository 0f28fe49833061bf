"""`run`: from a recipe to a trained checkpoint; the one entry the command line and `xnorkit.train` call."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from accelerate import Accelerator
from accelerate.utils import DistributedDataParallelKwargs
from torch import nn

from xnorkit.errors import RecipeError
from xnorkit.train import pictures
from xnorkit.train.data.arrays import Split
from xnorkit.train.progress import reporter
from xnorkit.train.recipe import Recipe
from xnorkit.train.recipe import load as load_recipe
from xnorkit.train.session import Result, Setting, train_one
from xnorkit.train.setup import FREE_KEYS
from xnorkit.train.stages import run_stages

__all__ = ["FREE_KEYS", "RESUME", "Result", "run"]

RESUME = ("auto", "always", "never")


def run(recipe: str | Path | Mapping[str, Any] | Recipe, *, out: str | Path | None = None, resume: str = "auto",
        overrides: Iterable[str] = (), model: nn.Module | None = None, data: tuple[Split, Split] | None = None,
        teacher: nn.Module | None = None, device: str = "auto", progress: str = "auto",
        tensorboard: bool = True) -> Result:  # fmt: skip
    """Train what the recipe says, into a run folder; safe to kill and call again.

    Parameters
    ----------
    recipe: a shipped name, a path, nested mappings or a `Recipe`; overrides: ``dotted.key=value``.
    out: run folder; ``runs/NAME`` when None. Holds recipe.yaml, metrics.jsonl, last/, best/, tensorboard/, curves.png,
        result.json. Of a recipe with stages it is the last stage's; the others are in stages/N-NAME/.
    resume: ``auto`` goes on where ``out`` stands, if it does; ``always`` demands it; ``never`` starts over.
    model: train this module, which takes float (N, C, H, W) of 0..255, in place of the recipe's ``model`` section.
    data: (train, test) in place of the recipe's ``data.name``.
    teacher: a trained module for the recipe's ``distill``; beside ``distill.teacher`` an untrained one that the
        checkpoint fills. A copy of it is used.
    device: ``auto`` (what Accelerate finds) or ``cpu``.
    progress: ``auto``, ``bar``, ``plain`` or ``none``.

    Many processes (``torchrun``; on GPUs also ``accelerate launch``): ``train.batch`` is the whole batch, dealt out
    evenly.

    Raises
    ------
    RecipeError, DataError: before anything is written.
    CheckpointError: ``out`` holds a run of another recipe or teacher, or nothing where ``always`` asks for it; a
        teacher or ``model.init`` that is missing or does not fit, before anything is written.
    KeyboardInterrupt: after Ctrl-C or SIGTERM, once ``last/`` is saved.
    """
    plan = load_recipe(recipe, overrides)
    if resume not in RESUME or device not in ("auto", "cpu"):
        raise RecipeError("run", "bad argument", got=f"resume={resume}, device={device}",
                          expected=f"resume in {RESUME}, device in ('auto', 'cpu')")  # fmt: skip
    folder = Path(out) if out is not None else Path("runs") / plan.name
    own_buffers = DistributedDataParallelKwargs(broadcast_buffers=False)
    accelerator = Accelerator(cpu=device == "cpu", kwargs_handlers=[own_buffers])
    teller = reporter(progress if accelerator.is_main_process else "none")
    train, test = data if data is not None else pictures.both(plan.data)
    setting = Setting(accelerator, train, test, teller, tensorboard, folder, plan)
    if not plan.stages:
        return train_one(plan, folder, setting, resume, model=model, teacher=teacher)
    if model is not None or teacher is not None:
        raise RecipeError("stages", "build their nets themselves", got="a module", expected="model.name of the table",
                          hint="call run once a stage, with model.init and distill.teacher")  # fmt: skip
    return run_stages(plan, setting, resume)
