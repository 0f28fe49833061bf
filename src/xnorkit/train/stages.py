"""Trainings one after another: each begins with the net of the one before, may have other quantizers, and a teacher.

RUN/recipe.yaml            the whole recipe
RUN/stages/1-activations/  the run folder of every stage but the last
RUN/best, RUN/last, ...    the last stage, as of any run
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass, replace
from pathlib import Path

from torch import nn

from xnorkit.models import create_model
from xnorkit.train.begin import begin_at, begin_with, load_teacher
from xnorkit.train.checkpoint import exists
from xnorkit.train.files import old_name, write_file
from xnorkit.train.losses import make as make_loss
from xnorkit.train.objective import Distilled
from xnorkit.train.optim import make as make_optimizer
from xnorkit.train.progress import Staged
from xnorkit.train.recipe import Recipe, dump
from xnorkit.train.session import Result, Setting, train_one
from xnorkit.train.setup import continues, model_arguments, monitored
from xnorkit.train.staging import PREVIOUS, stage_reference


@dataclass(frozen=True)
class Stage:
    """name: as the recipe has it. recipe: its own, whole. folder: its run folder."""

    name: str
    recipe: Recipe
    folder: Path

    @property
    def finished(self) -> bool:
        """Whether it was trained and judged."""
        return (self.folder / "result.json").is_file()


def laid_out(plan: Recipe, home: Path) -> list[Stage]:
    """The stages of a recipe and where each is kept; the last one is the run itself."""
    chain = plan.chain()
    folders = [home / "stages" / f"{i + 1}-{name}" for i, (name, _) in enumerate(chain[:-1])] + [home]
    return [Stage(name, recipe, folder) for (name, recipe), folder in zip(chain, folders, strict=True)]


def run_stages(plan: Recipe, setting: Setting, resume: str) -> Result:
    """Train the stages in order, into ``setting.home``; what is finished is not trained again.

    All of it is checked before the first step: recipes, folders, nets that must fit each other, teachers. ``never``
    removes what earlier runs left of any stage.

    Raises
    ------
    As `launch.run`; KeyboardInterrupt leaves the stage under way resumable, and with it the run.
    """
    stages, accelerator = laid_out(plan, setting.home), setting.accelerator
    steps = [_steps(stage, setting) for stage in stages]
    _rehearse(stages, setting)
    for number, stage in enumerate(stages):
        if resume != "never":
            continues(
                stage.folder, stage.recipe, "always" if resume == "always" and not number else "auto", accelerator
            )
    if accelerator.is_main_process:
        if resume == "never":
            _clear(stages)
        write_file(setting.home / "recipe.yaml", dump(plan).encode())
    accelerator.wait_for_everyone()
    teller = Staged(setting.reporter, [(stage.name, count) for stage, count in zip(stages, steps, strict=True)])
    places: dict[str, Path] = {}
    try:
        for number, stage in enumerate(stages):
            teller.enter(number)
            if stage.finished and stage is not stages[-1]:
                teller.note(f"{teller.label}: done, {stage.folder}")
            else:
                own = replace(setting, reporter=teller)
                result = train_one(stage.recipe, stage.folder, own, "auto", places=places)
                accelerator.free_memory()
            places |= {stage.name: stage.folder, PREVIOUS: stage.folder}
    finally:
        teller.close()
    return replace(result, stages=tuple(stage.folder for stage in stages[:-1]))


def _steps(stage: Stage, setting: Setting) -> int:
    """Steps of a stage; refuses what does not fit the pictures."""
    kept, _ = monitored(stage.recipe, setting.train, setting.test, setting.accelerator.num_processes)
    return len(kept) // stage.recipe.train.batch * stage.recipe.train.epochs


def _rehearse(stages: list[Stage], setting: Setting) -> None:
    """Build every stage's net, teacher and optimizer once, untrained: hours later is too late to refuse one."""
    models: dict[str, nn.Module] = {}
    for stage in stages:
        recipe, train = stage.recipe, setting.train
        model = create_model(**model_arguments(recipe, train))
        init, told = stage_reference(recipe.model.init), stage_reference(recipe.distill.teacher)
        if init is not None:
            begin_with(model, models[init[0]].state_dict(), f"stage {stage.name}")
        elif recipe.model.init is not None:
            begin_at(model, recipe.model.init, {})
        if recipe.distill.teacher is not None:
            teacher = models[told[0]] if told else load_teacher(recipe.distill.teacher, train, None, {})
            Distilled(make_loss(recipe.train), recipe.distill, teacher, model, train.shape).close()
        make_optimizer(create_model(**model_arguments(recipe, train)), recipe.optim)  # Bop turns weights into signs
        models |= {stage.name: model, PREVIOUS: model}


def _clear(stages: list[Stage]) -> None:
    """Remove checkpoints and results, so that no stage is taken for one of the run that begins."""
    for stage in stages:
        for name in ("best", "last"):
            if exists(stage.folder / name):
                shutil.rmtree(stage.folder / name, ignore_errors=True)
                shutil.rmtree(old_name(stage.folder / name), ignore_errors=True)
        (stage.folder / "result.json").unlink(missing_ok=True)
