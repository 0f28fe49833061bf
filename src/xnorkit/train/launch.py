"""`run`: from a recipe to a trained checkpoint; the one entry the command line and `xnorkit.train` call."""

from __future__ import annotations

import json
import os
import warnings
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from accelerate.utils import DistributedDataParallelKwargs
from torch import nn

from xnorkit.errors import CheckpointError, RecipeError
from xnorkit.models import create_model
from xnorkit.nn import uniform_weights_
from xnorkit.train import pictures, rng
from xnorkit.train.batches import Pictures
from xnorkit.train.checkpoint import CheckpointInfo, exists, load_checkpoint, load_state, read_info
from xnorkit.train.config import differences, to_plain
from xnorkit.train.data.arrays import Split, hold_out, stratified
from xnorkit.train.evaluation import evaluate
from xnorkit.train.files import settle, write_file
from xnorkit.train.loop import Trainer
from xnorkit.train.losses import make as make_loss
from xnorkit.train.metrics import Evaluation
from xnorkit.train.optim import make as make_optimizer
from xnorkit.train.progress import Reporter, reporter
from xnorkit.train.recipe import Recipe, dump
from xnorkit.train.recipe import load as load_recipe
from xnorkit.train.records import Records, draw_curves, draw_diagnosis
from xnorkit.train.signals import StopRequest

RESUME = ("auto", "always", "never")
FREE_KEYS = ("name", "description", "data.root", "train.checkpoint_steps", "train.diagnose")
"""Recipe keys that may change between a run and its resumption."""


@dataclass(frozen=True, eq=False)
class Result:
    """A finished run.

    out: the run folder. history: one row of metrics an epoch, as in ``metrics.jsonl``; best: the row ``best/`` holds.
    test: ``best/`` on the test split. diagnoses: a `diagnostics.Report` an epoch, as a dict, where asked for.
    model: the module with the parameters of ``best/``, in eval mode.
    """

    out: Path
    recipe: Recipe
    history: list[dict[str, Any]]
    best: dict[str, Any]
    test: Evaluation
    model: nn.Module
    diagnoses: list[dict[str, Any]] = field(default_factory=list)


def run(recipe: str | Path | Mapping[str, Any] | Recipe, *, out: str | Path | None = None, resume: str = "auto",
        overrides: Iterable[str] = (), model: nn.Module | None = None, data: tuple[Split, Split] | None = None,
        device: str = "auto", progress: str = "auto", tensorboard: bool = True) -> Result:  # fmt: skip
    """Train what the recipe says, into a run folder; safe to kill and call again.

    Parameters
    ----------
    recipe: a shipped name, a path, nested mappings or a `Recipe`; overrides: ``dotted.key=value``.
    out: run folder; ``runs/NAME`` when None. Holds recipe.yaml, metrics.jsonl, last/, best/, tensorboard/, curves.png,
        result.json.
    resume: ``auto`` goes on where ``out`` stands, if it does; ``always`` demands it; ``never`` starts over.
    model: train this module, which takes float (N, C, H, W) of 0..255, in place of the recipe's ``model`` section.
    data: (train, test) in place of the recipe's ``data.name``.
    device: ``auto`` (what Accelerate finds) or ``cpu``.
    progress: ``auto``, ``bar``, ``plain`` or ``none``.

    Many processes (``torchrun``; on GPUs also ``accelerate launch``): ``train.batch`` is the whole batch, dealt out
    evenly.

    Raises
    ------
    RecipeError, DataError: before anything is written.
    CheckpointError: ``out`` holds a run of another recipe, or nothing where ``always`` asks for it.
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
    kept, monitor = _monitored(plan, train, test, accelerator.num_processes)
    going_on = _continues(folder, plan, resume, accelerator)
    rng.seed_all(plan.seed)
    if model is None:
        arguments: dict[str, Any] | None = _arguments(plan, train)
        model = create_model(**_arguments(plan, train))
        if plan.model.latent == "uniform":
            uniform_weights_(model)
    else:
        arguments = _own_arguments(model)
    info = CheckpointInfo(plan, arguments, train.classes, train.shape, train.name, train.source)
    trainer = _prepare(info, folder, accelerator, model, kept, monitor, teller, going_on, tensorboard)
    try:
        _fit(trainer)
    finally:
        trainer.records.close()
    return _finish(trainer, test)


def _monitored(plan: Recipe, train: Split, test: Split, processes: int) -> tuple[Split, tuple[str, Split]]:
    """(pictures trained on, (name, pictures) looked at after each epoch): held-out ones when the recipe asks."""
    if train.classes != test.classes or train.shape != test.shape:
        raise RecipeError("data", "train and test differ", got=f"{test.shape} and {len(test.classes)} classes in test",
                          expected=f"{train.shape} and {len(train.classes)} classes")  # fmt: skip
    if plan.data.limit is not None:
        train = train.take(stratified(train.labels, min(plan.data.limit, len(train)), plan.seed))
    if plan.data.holdout >= len(train):
        raise RecipeError("data.holdout", "leaves nothing to train on", got=plan.data.holdout,
                          expected=f"less than {len(train)}")  # fmt: skip
    kept, held = hold_out(train, plan.data.holdout, plan.seed)
    if plan.train.batch > len(kept):
        raise RecipeError("train.batch", "larger than the training pictures", got=plan.train.batch,
                          expected=f"at most {len(kept)}")  # fmt: skip
    if plan.train.batch % processes:
        raise RecipeError("train.batch", "cannot be dealt out evenly", got=plan.train.batch,
                          expected=f"a multiple of the {processes} processes")  # fmt: skip
    return kept, ("holdout", held) if plan.data.holdout else ("test", test)


def _continues(folder: Path, plan: Recipe, resume: str, accelerator: Accelerator) -> bool:
    """Whether the run folder holds a run to go on with; refuses one of another recipe."""
    last = folder / "last"
    if accelerator.is_main_process:
        settle(last)
        settle(folder / "best")
    accelerator.wait_for_everyone()
    if resume == "never" or not exists(last):
        if resume == "always":
            raise CheckpointError(str(last), "nothing to resume")
        return False
    changed = [key for key in differences(to_plain(read_info(last).recipe), to_plain(plan)) if key not in FREE_KEYS]
    if changed:
        raise CheckpointError(str(folder), "holds a run of another recipe", got="other " + ", ".join(changed),
                              expected="the same recipe",
                              hint="choose another --out, or start over with resume=never")  # fmt: skip
    return True


def _arguments(plan: Recipe, train: Split) -> dict[str, Any]:
    """What ``create_model`` is called with: the recipe's model for the data's pictures and classes."""
    height, width, channels = train.shape
    if height != width:
        raise RecipeError("model.name", "nets of the table take square pictures", got=f"{height}x{width}",
                          hint="resize with data.size=[n,n]")  # fmt: skip
    return {"name": plan.model.name, "method": plan.model.method, "num_classes": len(train.classes),
            "in_chans": channels, "input_size": height, **plan.model.options}  # fmt: skip


def _own_arguments(model: nn.Module) -> dict[str, Any] | None:
    """The arguments a module made by ``create_model`` remembers, where a checkpoint can hold them."""
    config = getattr(model, "config", None)
    try:
        return dict(config) if isinstance(config, dict) and json.loads(json.dumps(config)) == config else None
    except TypeError:
        return None


def _prepare(info: CheckpointInfo, folder: Path, accelerator: Accelerator, module: nn.Module, kept: Split,
             monitor: tuple[str, Split], teller: Reporter, going_on: bool, tensorboard: bool) -> Trainer:  # fmt: skip
    """The trainer, on its device, at the start or where ``last/`` stands."""
    state = load_state(folder / "last", module)[1] if going_on else None
    module.to(memory_format=torch.channels_last)  # convolutions of a CPU take a tenth to a fifth less time so
    optimizer = make_optimizer(module, info.recipe.optim)
    with warnings.catch_warnings():  # Accelerate has no other name yet for what torch 2.13 renames
        warnings.filterwarnings("ignore", "`broadcast_buffers` is deprecated", FutureWarning)
        stepped, prepared = accelerator.prepare(module, optimizer)
    rng.seed_all(info.recipe.seed + 1 + accelerator.process_index)
    main = accelerator.is_main_process
    if main and state is None:
        write_file(folder / "recipe.yaml", dump(info.recipe).encode())
    device = accelerator.device
    done = 0 if state is None else state["position"]["epoch"]
    trainer = Trainer(info, folder, accelerator, accelerator.unwrap_model(stepped), stepped, prepared,
                      Pictures.of(kept, device), (monitor[0], Pictures.of(monitor[1], device)), teller,
                      Records(folder, done=done, tensorboard=tensorboard and main))  # fmt: skip
    doubts = trainer.restore(state) if state is not None else []
    if state is not None and main:
        trainer.records.epoch(trainer.at.history)
        teller.note(f"resumed at epoch {trainer.at.epoch + 1}, step {trainer.at.step}"
                    + (f" (not bit-identical: {', '.join(doubts)})" if doubts else ""))  # fmt: skip
    return trainer


def _fit(trainer: Trainer) -> None:
    recipe, accelerator = trainer.recipe, trainer.accelerator
    weights = sum(p.numel() for p in trainer.model.parameters())
    title = (f"{recipe.name}: {len(trainer.data)} pictures, {weights:,} parameters, {recipe.train.epochs} epochs of "
             f"{trainer.steps} steps, {accelerator.device.type}"
             + (f" x {accelerator.num_processes}" if accelerator.num_processes > 1 else ""))  # fmt: skip
    trainer.reporter.start(title, trainer.done_steps, trainer.total_steps)
    try:
        with StopRequest() as stop:
            trainer.fit(stop)
    except KeyboardInterrupt:
        trainer.reporter.stop()
        trainer.reporter.note(f"stopped at epoch {trainer.at.epoch + 1}, step {trainer.at.step}; go on with: "
                              f"xnorkit train {trainer.out / 'recipe.yaml'} --out {trainer.out}")  # fmt: skip
        raise
    finally:
        trainer.reporter.stop()


def _finish(trainer: Trainer, test: Split) -> Result:
    """Judge ``best/`` on the test split and write the result."""
    model, info = load_checkpoint(trainer.out / "best", trainer.model)
    found = evaluate(model, test, loss=make_loss(info.recipe.train))
    best = dict(info.metrics or {})
    if trainer.accelerator.is_main_process:
        trainer.records.result({"name": info.recipe.name, "epoch": best["epoch"], "pictures": found.count,
                                **{f"test_{key}": value for key, value in found.summary().items()},
                                "train_seconds": round(sum(r["seconds"] for r in trainer.at.history), 1),
                                "threads": torch.get_num_threads(), "cpus": os.cpu_count(),
                                "device": trainer.accelerator.device.type})  # fmt: skip
        draw_curves(trainer.at.history, trainer.out / "curves.png", info.recipe.name)
        draw_diagnosis(trainer.records.diagnoses, trainer.out / "diagnostics.png", info.recipe.name)
    trainer.reporter.note(f"test: top-1 {100 * found.top1:.2f} %, top-5 {100 * found.top5:.2f} % on "
                          f"{found.count} pictures; {trainer.out / 'best'}")  # fmt: skip
    return Result(trainer.out, info.recipe, trainer.at.history, best, found, model, trainer.records.diagnoses)
