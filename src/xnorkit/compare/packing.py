"""A trained run's packed file: exported, verified, its accuracy; and if it does not pack, why."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ..errors import UnsupportedError
from ..export import ExportReport, VerifyReport, export, verify
from ..export.accuracy import packed_accuracy
from ..nn.schemes import find_scheme
from ..train.checkpoint import CheckpointInfo, load_checkpoint
from ..train.data.arrays import Split
from ..train.files import write_file
from ..train.pictures import load as load_pictures
from .plan import Run, packed_file, packing_file, run_folder


def pack(folder: Path, run: Run, *, pictures: int | None, threads: int = 1) -> dict[str, Any]:
    """Pack ``best/`` of a finished run and write what was found to ``packed/<run>.json``.

    pictures: how many of the test split are verified; None for all. The packed file's accuracy is over all of them.
    What cannot be packed is a finding, not a failure: ``packs`` is then false and ``why`` says why.
    Raises CheckpointError, DataError, SaveError.
    """
    best, file = run_folder(folder, run) / "best", packed_file(folder, run)
    model, info = load_checkpoint(best)
    height, width, channels = info.input_size
    found: dict[str, Any] = {"checkpoint": _digest(best), "packs": False, "scheme_packs": find_scheme(run.scheme).packs}
    file.parent.mkdir(parents=True, exist_ok=True)
    try:
        report = export(model, torch.zeros(1, channels, height, width), file, input_dtype="u8", meta=info.origin())
    except UnsupportedError as error:
        file.unlink(missing_ok=True)
        found["why"] = str(error)
    else:
        test = test_pictures(info)
        checked = verify(model, file, np.asarray(test.images[:pictures]), threads=threads)
        right = packed_accuracy(file, test, threads=threads).top1
        found |= {"packs": True, **_sizes(report), "verify": _equalities(checked), "packed_top1": right,
                  "packed_pictures": len(test)}  # fmt: skip
    write_file(packing_file(folder, run), json.dumps(found, indent=2).encode())
    return found


def found_packing(folder: Path, run: Run) -> dict[str, Any] | None:
    """What `pack` found for the checkpoint that is there now, or, in a copy without checkpoints (`keep`), for the one
    there was; None when it has not looked yet."""
    path = packing_file(folder, run)
    if not path.is_file():
        return None
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found if found.get("checkpoint") == _digest(run_folder(folder, run) / "best") or kept(folder, run) else None


def kept(folder: Path, run: Run) -> bool:
    """Whether the run is finished and its checkpoint is elsewhere: then it is taken as it was packed."""
    target = run_folder(folder, run)
    return (target / "result.json").is_file() and not (target / "best").exists() and packing_file(folder, run).is_file()


def packs(folder: Path, run: Run) -> bool:
    """Whether the packed file is there and of the checkpoint that is there now."""
    found = found_packing(folder, run)
    return found is not None and found["packs"]


def test_pictures(info: CheckpointInfo) -> Split:
    """The test split of what a run was trained on."""
    return load_pictures(info.recipe.data, "test", info.input_size)


def _digest(checkpoint: Path) -> str:
    """Tells checkpoints apart: their card holds the SHA-256 of each of their files."""
    card = checkpoint / "checkpoint.json"
    return hashlib.sha256(card.read_bytes()).hexdigest() if card.is_file() else ""


def _sizes(report: ExportReport) -> dict[str, Any]:
    layers = [row for row in report.layers if row.weights]
    return {"bytes": report.file_bytes, "layers": len(layers), "packed_layers": report.packed,
            "weights": sum(row.weights for row in layers)}  # fmt: skip


def _equalities(report: VerifyReport) -> dict[str, Any]:
    """Counts of what was compared and what differs."""
    integers = [row for row in report.layers if row.kind == "integers"]
    return {
        "ok": report.ok,
        "integers": sum(row.compared for row in integers),
        "integer_mismatches": sum(row.different for row in integers),
        "binding_mismatches": sum(row.different for row in report.layers if row.binding),
        "pictures": report.n,
        "prediction_mismatches": report.mismatches,
        "largest_score_difference": report.logits_max_abs_diff,
        "first_difference": report.first_difference,
    }
