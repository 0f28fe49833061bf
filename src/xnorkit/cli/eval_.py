"""``xnorkit eval``: accuracy of a checkpoint or a packed file; the packed file needs no torch."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..errors import DataError
from ..format.atomic import write_atomic
from .files import looks_packed
from .output import Output
from .verb import need_torch, verb

if TYPE_CHECKING:
    from ..train.data.arrays import Split
    from ..train.metrics import Evaluation


@verb(
    "eval",
    example="xnorkit eval net.xnor.safetensors fashion-mnist --confusion confusion.png\n"
    "xnorkit eval runs/fashion-mnist-lenet5-xnor/best",
)
@click.argument("model")
@click.argument("data", required=False)
@click.option("--split", default="test", show_default=True, help="Split of the dataset.")
@click.option("--root", help="Folder that holds the dataset's files; default: the usual places.")
@click.option("--confusion", metavar="PNG", help="Draw the confusion matrix into this picture.")
@click.option("--threads", default=1, show_default=True, type=click.IntRange(1), help="Threads of the engine.")
def command(
    out: Output, model: str, data: str | None, split: str, root: str | None, confusion: str | None, threads: int
) -> None:
    """Top-1 and top-5 of a checkpoint or a packed file on a dataset.

    MODEL is a packed file, a zoo name or a checkpoint folder (RUN/best). DATA is a dataset's name, or a folder or zip
    of one folder a class; default: what the model was trained on.
    """
    run = _packed if looks_packed(model) else _checkpoint
    pictures, found, seconds = run(model, data, split, root, threads)
    rate = found.count / seconds
    out.table(
        ["model", "data", "pictures", "top-1 %", "top-5 %", "pictures/s"],
        [[model, f"{pictures.name} {pictures.split}", found.count, 100 * found.top1, 100 * found.top5, rate]],
    )
    if confusion is not None:
        from .. import draw

        title = f"{Path(model).name}: {100 * found.top1:.2f} % top-1"
        write_atomic(confusion, [draw.render(draw.confusion(found.confusion, pictures.classes, title))])
        out.line(f"confusion matrix in {confusion}")
    facts = {"model": model, "dataset": pictures.name, "split": pictures.split, "count": found.count}
    out.result({**facts, **found.summary(), "confusion": found.confusion, "pictures_per_s": rate})


Result = tuple["Split", "Evaluation", float]


def _packed(model: str, data: str | None, split: str, root: str | None, threads: int) -> Result:
    from ..train.data.datasets import load
    from ..train.metrics import summarize
    from .packed import open_packed

    net = open_packed(model, threads=threads)
    height, width, channels = net.shape
    name = data or net.meta.get("dataset")
    if not name:
        raise DataError("eval", "the file does not say what it was trained on", hint="give DATA, e.g. fashion-mnist")
    pictures = load(name, split, root, size=(height, width), channels=channels)
    start = time.perf_counter()
    logits = net.logits(pictures.images)
    return pictures, summarize(logits, pictures.labels), time.perf_counter() - start


def _checkpoint(model: str, data: str | None, split: str, root: str | None, threads: int) -> Result:
    need_torch("eval")
    import torch

    from ..train.checkpoint import load_checkpoint
    from ..train.evaluation import evaluate

    torch.set_num_threads(threads)
    net, info = load_checkpoint(model)
    pictures = load_pictures(info, data, split, root)
    start = time.perf_counter()
    found = evaluate(net, pictures)
    return pictures, found, time.perf_counter() - start


def load_pictures(info: Any, data: str | None, split: str, root: str | None) -> Split:
    """Pictures for a checkpoint: ``data``, or what it was trained on, from where its recipe found them."""
    from ..train.data.datasets import load
    from ..train.pictures import load as load_of_recipe

    height, width, channels = info.input_size
    if data is None and info.recipe.data.crop != "none":
        return load_of_recipe(replace(info.recipe.data, root=root or info.recipe.data.root), split, info.input_size)
    name = data or info.recipe.data.name
    place = root or (None if data else info.recipe.data.root)
    return load(name, split, place, size=(height, width), channels=channels)
