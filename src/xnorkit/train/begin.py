"""What a run begins with beside its recipe: tensors of an earlier net (``model.init``), a teacher (``distill``)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from xnorkit.errors import CheckpointError, RecipeError
from xnorkit.nn.layers.state import QuantizedModule
from xnorkit.train.checkpoint import exists, load_checkpoint, load_tensors
from xnorkit.train.data.arrays import Split
from xnorkit.train.staging import stage_reference

Places = Mapping[str, Path]
"""Stage -> its run folder, and ``previous``."""


def locate(text: str, key: str, places: Places) -> Path:
    """The checkpoint folder of a recipe key: of ``stage:NAME``, of a run (its ``best``), or the folder itself.

    Raises
    ------
    RecipeError: a stage, in a run without stages. CheckpointError: nothing there.
    """
    reference = stage_reference(text)
    if reference is not None:
        if reference[0] not in places:
            raise RecipeError(key, "names a stage", got=text, expected="a path: this run has no stages before it")
        return places[reference[0]] / reference[1]
    path = Path(text)
    for folder in (path, path / "best"):
        if exists(folder):
            return folder
    raise CheckpointError(str(path), f"no such checkpoint ({key})",
                          expected="a run folder of xnorkit train, or its best or last")  # fmt: skip


def begin_with(model: nn.Module, tensors: Mapping[str, Tensor], where: str) -> None:
    """Give the model another net's tensors, by name; numbers that only its own quantizers learn start anew.

    Those of the weights (XNOR-Net++'s scale, ...) take the first values that the weights now suggest. What only the
    other net's quantizers learned is left out.

    Raises
    ------
    CheckpointError: further names differ, or shapes; the model is as it was.
    """
    own = model.state_dict()
    layers = {name: module for name, module in model.named_modules() if isinstance(module, QuantizedModule)}

    def learned(name: str) -> bool:
        layer, _, leaf = name.rpartition(".")
        return layer in layers and leaf.startswith(("weight_", "input_"))

    lacks = sorted(name for name in own if name not in tensors and not learned(name))
    beside = sorted(name for name in tensors if name not in own and not learned(name))
    other = sorted(name for name in own if name in tensors and tensors[name].shape != own[name].shape)
    if lacks or beside or other:
        wrong = [f"{what} {_short(names)}" for what, names in
                 (("without", lacks), ("also", beside), ("other shapes of", other)) if names]  # fmt: skip
        raise CheckpointError(where, "does not fit the model (model.init)", got="; ".join(wrong),
                              expected="a net of the same layers",
                              hint="the two may differ in quantizers, not in layers and widths")  # fmt: skip
    model.load_state_dict({name: tensors[name] for name in own if name in tensors}, strict=False)
    with torch.no_grad():
        for name, layer in layers.items():
            keys = [f"{name}.{key}".lstrip(".") for key, _ in layer.named_parameters(recurse=False)]
            if any(key.rpartition(".")[2].startswith("weight_") and key not in tensors for key in keys):
                layer.renew_learned()


def _short(names: list[str]) -> str:
    return ", ".join(names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "")


def begin_at(model: nn.Module, text: str, places: Places) -> None:
    """`begin_with` the checkpoint that ``model.init`` names. Raises as `locate`, `begin_with`, `load_tensors`."""
    folder = locate(text, "model.init", places)
    begin_with(model, load_tensors(folder), str(folder))


def load_teacher(text: str, data: Split, module: nn.Module | None, places: Places) -> nn.Module:
    """The teacher that ``distill.teacher`` names, of the same classes and pictures as ``data``.

    module: an untrained one of the same make, where the teacher is a module of the caller's own.

    Raises
    ------
    CheckpointError: missing, damaged, or trained on other classes or pictures. RecipeError: as `locate`.
    """
    folder = locate(text, "distill.teacher", places)
    teacher, info = load_checkpoint(folder, module)
    if info.input_size != data.shape:
        raise CheckpointError(str(folder), "the teacher reads other pictures", got=info.input_size, expected=data.shape)
    if len(info.classes) != len(data.classes):
        raise CheckpointError(str(folder), "the teacher has another number of classes", got=len(info.classes),
                              expected=len(data.classes))  # fmt: skip
    if tuple(info.classes) != tuple(data.classes):
        pairs = zip(info.classes, data.classes, strict=True)
        number, (got, expected) = next((i, pair) for i, pair in enumerate(pairs) if pair[0] != pair[1])
        raise CheckpointError(str(folder), f"the teacher's class {number}", got=got, expected=expected,
                              hint="train it on the same data")  # fmt: skip
    return teacher
