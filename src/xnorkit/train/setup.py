"""What must hold before a run writes anything: pictures that fit the recipe, a folder that is free or its own."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from accelerate import Accelerator
from torch import nn

from xnorkit.errors import CheckpointError, RecipeError
from xnorkit.train.checkpoint import exists, read_info
from xnorkit.train.config import differences, to_plain
from xnorkit.train.data.arrays import Split, hold_out, stratified
from xnorkit.train.files import settle
from xnorkit.train.recipe import Recipe

FREE_KEYS = ("name", "description", "data.root", "train.checkpoint_steps", "train.diagnose", "distill.teacher")
"""Recipe keys that may change between a run and its resumption; a checkpoint knows its teacher by its numbers."""


def monitored(plan: Recipe, train: Split, test: Split, processes: int) -> tuple[Split, tuple[str, Split]]:
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


def continues(folder: Path, plan: Recipe, resume: str, accelerator: Accelerator) -> bool:
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


def model_arguments(plan: Recipe, train: Split) -> dict[str, Any]:
    """What ``create_model`` is called with: the recipe's model for the data's pictures and classes."""
    height, width, channels = train.shape
    if height != width:
        raise RecipeError("model.name", "nets of the table take square pictures", got=f"{height}x{width}",
                          hint="resize with data.size=[n,n]")  # fmt: skip
    return {"name": plan.model.name, "method": plan.model.method, "num_classes": len(train.classes),
            "in_chans": channels, "input_size": height, **plan.model.options}  # fmt: skip


def own_arguments(model: nn.Module) -> dict[str, Any] | None:
    """The arguments a module made by ``create_model`` remembers, where a checkpoint can hold them."""
    config = getattr(model, "config", None)
    try:
        return dict(config) if isinstance(config, dict) and json.loads(json.dumps(config)) == config else None
    except TypeError:
        return None
