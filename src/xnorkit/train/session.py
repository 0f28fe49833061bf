"""One training, from a recipe whose pictures are at hand to a judged checkpoint; `launch.run` makes one or several."""

from __future__ import annotations

import copy
import os
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from torch import nn

from xnorkit.models import create_model
from xnorkit.nn import uniform_weights_
from xnorkit.train import rng
from xnorkit.train.batches import Pictures
from xnorkit.train.begin import begin_at, load_teacher
from xnorkit.train.checkpoint import CheckpointInfo, load_checkpoint, load_state
from xnorkit.train.data.arrays import Split
from xnorkit.train.evaluation import evaluate
from xnorkit.train.files import write_file
from xnorkit.train.loop import Trainer
from xnorkit.train.losses import make as make_loss
from xnorkit.train.metrics import Evaluation
from xnorkit.train.objective import Distilled, Objective
from xnorkit.train.optim import make as make_optimizer
from xnorkit.train.progress import Reporter
from xnorkit.train.recipe import Recipe, dump
from xnorkit.train.records import Records, draw_curves, draw_diagnosis
from xnorkit.train.setup import continues, model_arguments, monitored, own_arguments
from xnorkit.train.signals import StopRequest


@dataclass(frozen=True, eq=False)
class Result:
    """A finished run.

    out: the run folder. history: one row of metrics an epoch, as in ``metrics.jsonl``; best: the row ``best/`` holds.
    test: ``best/`` on the test split. diagnoses: a `diagnostics.Report` an epoch, as a dict, where asked for.
    model: the module with the parameters of ``best/``, in eval mode. stages: folders of the stages before the last.
    """

    out: Path
    recipe: Recipe
    history: list[dict[str, Any]]
    best: dict[str, Any]
    test: Evaluation
    model: nn.Module
    diagnoses: list[dict[str, Any]] = field(default_factory=list)
    stages: tuple[Path, ...] = ()


@dataclass(frozen=True, eq=False)
class Setting:
    """What all stages of a run share. home: the run's folder; whole: its recipe as ``home/recipe.yaml`` holds it."""

    accelerator: Accelerator
    train: Split
    test: Split
    reporter: Reporter
    tensorboard: bool
    home: Path
    whole: Recipe


def train_one(recipe: Recipe, folder: Path, setting: Setting, resume: str, *, model: nn.Module | None = None,
              teacher: nn.Module | None = None, places: Mapping[str, Path] | None = None) -> Result:  # fmt: skip
    """Train what a recipe without stages says, into ``folder``, or go on where it stands.

    places: where the run folders of earlier stages are. model, teacher: see `launch.run`. Raises as `launch.run`.
    """
    accelerator, train, known = setting.accelerator, setting.train, places or {}
    kept, monitor = monitored(recipe, train, setting.test, accelerator.num_processes)
    going_on = continues(folder, recipe, resume, accelerator)
    master = copy.deepcopy(teacher) if recipe.distill.teacher is None else None
    if recipe.distill.teacher is not None:
        master = load_teacher(recipe.distill.teacher, train, copy.deepcopy(teacher), known)
    rng.seed_all(recipe.seed)
    if model is None:
        arguments: dict[str, Any] | None = model_arguments(recipe, train)
        model = create_model(**model_arguments(recipe, train))
        if recipe.model.latent == "uniform":
            uniform_weights_(model)
    else:
        arguments = own_arguments(model)
    if recipe.model.init is not None and not going_on:
        begin_at(model, recipe.model.init, known)
    objective = Objective(make_loss(recipe.train))
    if master is not None:
        objective = Distilled(objective.labels, recipe.distill, master, model, train.shape)
    info = CheckpointInfo(recipe, arguments, train.classes, train.shape, train.name, train.source)
    trainer = _prepare(info, folder, setting, model, kept, monitor, objective, going_on)
    try:
        _fit(trainer, setting.home)
    finally:
        trainer.records.close()
    return _finish(trainer, setting.test)


def _prepare(info: CheckpointInfo, folder: Path, setting: Setting, module: nn.Module, kept: Split,
             monitor: tuple[str, Split], objective: Objective, going_on: bool) -> Trainer:  # fmt: skip
    """The trainer, on its device, at the start or where ``last/`` stands."""
    accelerator, teller = setting.accelerator, setting.reporter
    state = load_state(folder / "last", module)[1] if going_on else None
    module.to(memory_format=torch.channels_last)  # convolutions of a CPU take a tenth to a fifth less time so
    optimizer = make_optimizer(module, info.recipe.optim)
    with warnings.catch_warnings():  # Accelerate has no other name yet for what torch 2.13 renames
        warnings.filterwarnings("ignore", "`broadcast_buffers` is deprecated", FutureWarning)
        stepped, prepared = accelerator.prepare(module, optimizer)
    rng.seed_all(info.recipe.seed + 1 + accelerator.process_index)
    main = accelerator.is_main_process
    if main and state is None:
        whole = setting.whole if folder == setting.home else info.recipe
        write_file(folder / "recipe.yaml", dump(whole).encode())
    device = accelerator.device
    if isinstance(objective, Distilled):
        objective.teacher.to(device, memory_format=torch.channels_last)
    done = 0 if state is None else state["position"]["epoch"]
    trainer = Trainer(info, folder, accelerator, accelerator.unwrap_model(stepped), stepped, prepared,
                      Pictures.of(kept, device), (monitor[0], Pictures.of(monitor[1], device)), objective, teller,
                      Records(folder, done=done, tensorboard=setting.tensorboard and main))  # fmt: skip
    doubts = trainer.restore(state) if state is not None else []
    if state is not None and main:
        trainer.records.epoch(trainer.at.history)
        teller.note(f"resumed at epoch {trainer.at.epoch + 1}, step {trainer.at.step}"
                    + (f" (not bit-identical: {', '.join(doubts)})" if doubts else ""))  # fmt: skip
    return trainer


def _fit(trainer: Trainer, home: Path) -> None:
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
                              f"xnorkit train {home / 'recipe.yaml'} --out {home}")  # fmt: skip
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
