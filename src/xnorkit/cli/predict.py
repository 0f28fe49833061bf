"""``xnorkit predict``: pictures in, classes out; no torch."""

from __future__ import annotations

from typing import Any

import click
import numpy as np

from .. import zoo
from .files import looks_packed
from .output import Output, bar
from .packed import Packed, open_packed, softmax, split_batches
from .pictures import Picture, collect, read
from .verb import verb


@verb(
    "predict",
    example="xnorkit predict net.xnor.safetensors photos/ 'more/*.jpg'\n"
    "cat boot.png | xnorkit predict -            # the shipped Fashion-MNIST model, picture from standard input",
)
@click.argument("arguments", metavar="[MODEL] PICTURES...", nargs=-1, required=True)
@click.option("--top", default=5, show_default=True, type=click.IntRange(1), help="Classes shown for each picture.")
@click.option("--invert", is_flag=True, help="255 - pixel: for dark drawings on light paper.")
@click.option("--threads", default=1, show_default=True, type=click.IntRange(1), help="Threads of the engine.")
@click.option("--backend", default="engine", show_default=True, type=click.Choice(["engine", "reference"]))
def command(out: Output, arguments: tuple[str, ...], top: int, invert: bool, threads: int, backend: str) -> None:
    """Classify pictures with a packed file.

    MODEL is a packed file or a zoo name (default: the shipped Fashion-MNIST model). PICTURES are files, folders,
    patterns or - for standard input; each is turned grey or RGB and resized to what the model takes.
    """
    named = looks_packed(arguments[0])
    name = arguments[0] if named else zoo.DEFAULT
    if named and len(arguments) == 1:
        raise click.UsageError("no pictures given")
    model = open_packed(name, threads=threads, backend=backend)
    results = []
    for names in split_batches(collect(arguments[1:] if named else arguments), 64):
        batch = [read(picture, model.shape, invert=invert) for picture in names]
        shares = softmax(model.logits(np.stack([picture.pixels for picture in batch])))
        for picture, row in zip(batch, shares, strict=True):
            results.append(_entry(model, picture, row, top))
            _show(out, results[-1])
    out.result({"model": name, "predictions": results})


def _entry(model: Packed, picture: Picture, shares: Any, top: int) -> dict[str, Any]:
    order = np.argsort(-shares, kind="stable")[:top]
    best = [{"class": model.classes[i], "index": int(i), "probability": float(shares[i])} for i in order]
    height, width, _ = model.shape
    resized = None if picture.original == (width, height) else list(picture.original)
    return {"picture": picture.name, "resized_from": resized, "top": best}


def _show(out: Output, entry: dict[str, Any]) -> None:
    note = (
        ""
        if entry["resized_from"] is None
        else f"  (resized from {entry['resized_from'][0]}x{entry['resized_from'][1]})"
    )
    out.line(entry["picture"] + note, bold=True)
    width = max(len(row["class"]) for row in entry["top"])
    for row in entry["top"]:
        out.line(f"  {row['class']:{width}}  {bar(row['probability'])} {100 * row['probability']:5.1f} %")
