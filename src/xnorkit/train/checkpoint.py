"""Checkpoint folders: ``model.safetensors``, ``checkpoint.json`` and, in ``last/``, ``train_state.pt``.

The JSON holds the SHA-256 of its neighbours, so a folder is known to be whole before anything is built from it.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load as parse_tensors
from safetensors.torch import save as tensor_bytes
from torch import nn

from xnorkit.errors import CheckpointError, XnorkitError
from xnorkit.models import create_model
from xnorkit.train.config import to_plain
from xnorkit.train.files import old_name, write_folder
from xnorkit.train.recipe import Recipe, dump, parse

FORMAT = 1
MODEL, STATE, CARD = "model.safetensors", "train_state.pt", "checkpoint.json"


@dataclass(frozen=True)
class CheckpointInfo:
    """What a checkpoint says about itself.

    recipe: the run's recipe.
    model: keyword arguments of ``create_model``, or None for a module of the caller's own.
    classes: class names; the label is the index.
    input_size: (H, W, C) of a picture.
    dataset: name of the training data; source: where it was read from.
    epoch: whole epochs trained; step: steps into the next one.
    metrics: the last epoch's scalars.
    """

    recipe: Recipe
    model: dict[str, Any] | None
    classes: tuple[str, ...]
    input_size: tuple[int, int, int]
    dataset: str
    source: str = ""
    epoch: int = 0
    step: int = 0
    metrics: Mapping[str, Any] | None = None

    def origin(self) -> dict[str, str]:
        """What a packed file says about where it comes from: classes, dataset, recipe, epoch, accuracy."""
        text = {"classes": json.dumps(list(self.classes), ensure_ascii=False), "dataset": self.dataset,
                "epoch": str(self.epoch), "recipe": dump(self.recipe)}  # fmt: skip
        return {**text, "metrics": json.dumps(dict(self.metrics))} if self.metrics else text


def save(folder: Path, model: nn.Module, info: CheckpointInfo, state: Mapping[str, Any] | None = None) -> None:
    """Write a checkpoint folder in one step; ``state`` (what a run needs to go on) makes it resumable.

    Raises
    ------
    SaveError: full disk, no permission; the previous folder is untouched.
    """
    tensors = {name: value.detach().cpu().contiguous().clone() for name, value in model.state_dict().items()}
    files = {MODEL: tensor_bytes(tensors, metadata={"format": "pt"})}
    if state is not None:
        buffer = io.BytesIO()
        torch.save(dict(state), buffer)
        files[STATE] = buffer.getvalue()
    card = {
        "format": FORMAT, "model": info.model, "dataset": info.dataset, "source": info.source,
        "classes": list(info.classes), "input_size": list(info.input_size), "epoch": info.epoch, "step": info.step,
        "metrics": dict(info.metrics or {}), "recipe": to_plain(info.recipe), "torch": torch.__version__,
        "files": {name: hashlib.sha256(data).hexdigest() for name, data in files.items()},
    }  # fmt: skip
    files[CARD] = json.dumps(card, indent=2, ensure_ascii=False).encode()
    write_folder(folder, files)


def exists(folder: Path) -> bool:
    """Whether a checkpoint was ever completed here (a kill while it was being replaced included)."""
    return (folder / CARD).is_file() or (old_name(folder) / CARD).is_file()


def load_checkpoint(path: str | Path, model: nn.Module | None = None) -> tuple[nn.Module, CheckpointInfo]:
    """The trained model, in eval mode on the CPU, and what it is.

    Parameters
    ----------
    path: a checkpoint folder, ``RUN/best`` or ``RUN/last``.
    model: needed when the run trained a module of the caller's own: an untrained one of the same make.

    Raises
    ------
    CheckpointError: missing, incomplete, damaged, of another version, or not of this model.
    """
    folder, card = _read_card(Path(path))
    info = _info(folder, card)
    if model is None:
        if info.model is None:
            raise CheckpointError(str(folder), "was trained from a module of your own",
                                  hint="pass one: load_checkpoint(path, model=...)")  # fmt: skip
        model = create_model(**info.model)
    _fill(model, _verified(folder, card, MODEL), folder)
    return model.eval(), info


def load_state(path: Path, model: nn.Module) -> tuple[CheckpointInfo, dict[str, Any]]:
    """Fill ``model`` in place and give back the info and training state of a resumable checkpoint.

    Raises
    ------
    CheckpointError: as `load_checkpoint`, or the folder holds no training state (``best`` does not).
    """
    folder, card = _read_card(path)
    if STATE not in card["files"]:
        raise CheckpointError(str(folder), "holds no training state", hint="resume from RUN/last")
    data = _verified(folder, card, STATE)
    _fill(model, _verified(folder, card, MODEL), folder)
    return _info(folder, card), torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)


def load_tensors(path: str | Path) -> dict[str, torch.Tensor]:
    """Name -> tensor of a checkpoint, on the CPU, without a model. Raises CheckpointError as `load_checkpoint`."""
    folder, card = _read_card(Path(path))
    try:
        return parse_tensors(_verified(folder, card, MODEL))
    except SafetensorError as error:
        raise CheckpointError(str(folder / MODEL), f"cannot be read ({error})") from None


def read_info(path: str | Path) -> CheckpointInfo:
    """What a checkpoint says about itself, without its tensors. Raises CheckpointError."""
    return _info(*_read_card(Path(path)))


def _read_card(folder: Path) -> tuple[Path, dict[str, Any]]:
    if not (folder / CARD).is_file() and (old_name(folder) / CARD).is_file():
        folder = old_name(folder)
    if not folder.is_dir():
        raise CheckpointError(str(folder), "no such checkpoint folder")
    if not (folder / CARD).is_file():
        inside = [name for name in ("best", "last") if (folder / name / CARD).is_file()]
        raise CheckpointError(str(folder), f"no {CARD} in it", hint=" or ".join(f"give {folder / n}" for n in inside))
    try:
        card = json.loads((folder / CARD).read_text(encoding="utf-8"))
    except (ValueError, OSError) as error:
        raise CheckpointError(str(folder / CARD), f"cannot be read ({error})") from None
    if not isinstance(card, dict) or card.get("format") != FORMAT:
        got = card.get("format") if isinstance(card, dict) else type(card).__name__
        raise CheckpointError(str(folder / CARD), "format", got=got, expected=FORMAT)
    if not isinstance(card.get("files"), dict) or MODEL not in card["files"]:
        raise CheckpointError(str(folder / CARD), "incomplete", expected=f"the hash of {MODEL}")
    return folder, card


def _info(folder: Path, card: Mapping[str, Any]) -> CheckpointInfo:
    try:
        height, width, channels = card["input_size"]
        return CheckpointInfo(parse(card["recipe"]), card["model"], tuple(card["classes"]), (height, width, channels),
                              card["dataset"], card["source"], card["epoch"], card["step"],
                              card["metrics"])  # fmt: skip
    except (KeyError, TypeError, ValueError) as error:
        raise CheckpointError(str(folder / CARD), f"incomplete ({error})") from None


def _verified(folder: Path, card: Mapping[str, Any], name: str) -> bytes:
    try:
        data = (folder / name).read_bytes()
    except OSError:
        raise CheckpointError(str(folder), f"incomplete: {name} is missing") from None
    if hashlib.sha256(data).hexdigest() != card["files"][name]:
        raise CheckpointError(str(folder / name), "damaged: its SHA-256 differs from the one in " + CARD)
    return data


def _fill(model: nn.Module, data: bytes, folder: Path) -> None:
    try:
        tensors = parse_tensors(data)
        wrong = _unlike(model, tensors)
        if wrong:
            raise CheckpointError(str(folder), "is of another model, or of a version that built it otherwise",
                                  got=wrong, expected="the tensors this version builds",
                                  hint="train it anew, or read it with the version that made it")  # fmt: skip
        model.load_state_dict(tensors)
    except (RuntimeError, SafetensorError) as error:
        if isinstance(error, XnorkitError):
            raise
        raise CheckpointError(str(folder), f"is of another model: {' '.join(str(error).split())}") from None


def _unlike(model: nn.Module, tensors: Mapping[str, torch.Tensor]) -> str:
    """How a checkpoint's tensors differ from the model's, in a few words; empty where they do not."""
    own = model.state_dict()
    kinds = {
        "it lacks": [name for name in own if name not in tensors],
        "it has besides": [name for name in tensors if name not in own],
        "of other sizes": [name for name in own if name in tensors and own[name].shape != tensors[name].shape],
    }
    return "; ".join(f"{said} {', '.join(names[:2])}" + (f" and {len(names) - 2} more" if len(names) > 2 else "")
                     for said, names in kinds.items() if names)  # fmt: skip
