"""`compress`: a trained checkpoint, stage after stage, to a small file; safe to kill and call again.

OUT/plan.json             the checkpoint's hash and the stages
OUT/0-trained/            the net as it came: packed file and result.json
OUT/1-prune/              of every stage: what it trained, checkpoint/, packed file, result.json
OUT/net.xnor.safetensors  the last packed file
OUT/report.json .md .png  accuracy, weights and bytes after each stage
"""

from __future__ import annotations

import copy
import hashlib
import json
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import numpy as np
from torch import nn

from ..errors import CheckpointError
from ..export.parity import verify
from ..graph.coding import Coding
from ..train import pictures
from ..train.begin import load_teacher, locate
from ..train.checkpoint import CheckpointInfo, load_checkpoint, save
from ..train.data.arrays import Split
from ..train.files import write_file
from ..train.setup import own_arguments
from .measure import FILE, clock, measure
from .report import Report, write
from .stages.base import Stage
from .stages.table import parse_stages
from .work import Work

CHECKPOINT, RESULT, PLAN = "checkpoint", "result.json", "plan.json"


def compress(source: str | Path, stages: str | Sequence[Stage], out: str | Path, *, resume: str = "auto",
             data: tuple[Split, Split] | None = None, model: nn.Module | None = None,
             teacher: str | Path | None = None, pictures_verified: int = 1000, rounds: int = 25,
             threads: int = 1, progress: str = "auto") -> Report:  # fmt: skip
    """Compress a checkpoint of `xnorkit train`, or one that this function made.

    Parameters
    ----------
    source: checkpoint folder. stages: as text (`parse_stages`) or objects; applied in their order.
    out: folder of all results. resume: ``auto`` goes on with what is there; ``never`` starts over.
    data: (train, test) in place of what the checkpoint's recipe names. model: an untrained module, where the checkpoint
        is of one of the caller's own.
    teacher: checkpoint or run of a net for the stages with ``teach``, in place of the net as it came.
    pictures_verified: of the test split, on which the last packed file and its net are compared.
    rounds: of the latencies. progress: of trainings, as of `train.run`.

    Raises
    ------
    RecipeError: a stage or option that is none. CheckpointError: no checkpoint, or ``out`` holds other work.
    UnsupportedError: nothing to compress, or what cannot be packed. KeyboardInterrupt: what is done is kept.
    """
    chosen = parse_stages(stages) if isinstance(stages, str) else tuple(stages)
    folder = Path(out)
    trained, info = load_checkpoint(source, copy.deepcopy(model))
    train, test = data if data is not None else pictures.both(info.recipe.data)
    master = copy.deepcopy(trained) if teacher is None else load_teacher(str(teacher), train, None, {})
    _settle_plan(folder, Path(source), chosen, resume, None if teacher is None else locate(str(teacher), "teacher", {}))
    coding: Coding = "plain"
    rows = [_start(trained, info, folder, test, threads)]
    done: list[str] = []
    for number, stage in enumerate(chosen, 1):
        place = folder / f"{number}-{stage.name}"
        done.append(stage.text)
        coding = cast(Coding, stage.coding) if stage.coding else "fields" if coding == "plain" else coding
        if (place / RESULT).is_file():
            trained, info = load_checkpoint(place / CHECKPOINT, copy.deepcopy(model))
        else:
            stage.apply(trained, Work(info, train, test, place, master, progress))
            info = replace(info, model=own_arguments(trained) if info.model is not None else None)
            save(place / CHECKPOINT, trained.eval(), info)
            found = measure(trained, info, place / FILE, test, coding=coding, stages=",".join(done), threads=threads)
            write_file(place / RESULT, json.dumps({"stage": stage.text, **found}).encode())
        rows.append(json.loads((place / RESULT).read_text()))
    shutil.copyfile(place / FILE, folder / f".{FILE}.partial")
    (folder / f".{FILE}.partial").replace(folder / FILE)
    checked = verify(trained, folder / FILE, np.asarray(test.images[:pictures_verified]), threads=threads)
    times = clock(
        {row["stage"]: place / FILE for row, place in zip(rows, _places(folder, chosen), strict=True)}, rounds
    )
    report = Report(str(source), tuple(rows), times, checked)
    write(report, folder)
    return report


def _places(folder: Path, stages: Sequence[Stage]) -> list[Path]:
    return [folder / "0-trained", *(folder / f"{i}-{stage.name}" for i, stage in enumerate(stages, 1))]


def _start(model: nn.Module, info: CheckpointInfo, folder: Path, test: Split, threads: int) -> dict[str, Any]:
    """The row of the net as it came, all its floats plain."""
    place = folder / "0-trained"
    if not (place / RESULT).is_file():
        found = measure(model, info, place / FILE, test, coding="plain", stages="", threads=threads)
        write_file(place / RESULT, json.dumps({"stage": "trained", **found}).encode())
    row: dict[str, Any] = json.loads((place / RESULT).read_text())
    return row


def _settle_plan(folder: Path, source: Path, stages: Sequence[Stage], resume: str, teacher: Path | None) -> None:
    """Write the plan, or find that what is there is of the same; ``never`` removes it.

    Stages may be added to the end of a plan that was carried out.
    """
    plan: dict[str, Any] = {"checkpoint": _digest(source), "stages": [stage.text for stage in stages]}
    if teacher is not None:
        plan["teacher"] = _digest(teacher)
    if resume == "never":
        for place in [*folder.glob("[0-9]*-*"), folder / PLAN]:
            shutil.rmtree(place) if place.is_dir() else place.unlink(missing_ok=True)
    if (folder / PLAN).is_file():
        old = json.loads((folder / PLAN).read_text())
        same = all(old.get(key) == plan.get(key) for key in ("checkpoint", "teacher"))
        if not same or old["stages"] != plan["stages"][: len(old["stages"])]:
            raise CheckpointError(str(folder), "holds other work", got=",".join(old["stages"]),
                                  expected="the same checkpoint, teacher and stages",
                                  hint="choose another --out, or start over with --resume never")  # fmt: skip
    write_file(folder / PLAN, json.dumps(plan, indent=2).encode())


def _digest(checkpoint: Path) -> str:
    return hashlib.sha256((checkpoint / "checkpoint.json").read_bytes()).hexdigest()
