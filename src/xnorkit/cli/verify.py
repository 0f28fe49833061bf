"""``xnorkit verify``: the packed file against the checkpoint it came from, on the user's own pictures."""

from __future__ import annotations

import click

from .eval_ import load_pictures
from .files import find
from .output import Output
from .verb import need_torch, verb


@verb(
    "verify",
    example="xnorkit verify runs/fashion-mnist-lenet5-xnor/best net.xnor.safetensors fashion-mnist",
)
@click.argument("checkpoint")
@click.argument("file")
@click.argument("data", required=False)
@click.option("--split", default="test", show_default=True, help="Split of the dataset.")
@click.option("--root", help="Folder that holds the dataset's files; default: the usual places.")
@click.option("--limit", type=click.IntRange(1), help="Compare only the first so many pictures.")
@click.option(
    "--layer-images",
    default=16,
    show_default=True,
    type=click.IntRange(1),
    help="Pictures that also go through the comparison layer by layer.",
)
@click.option("--threads", default=1, show_default=True, type=click.IntRange(1), help="Threads of the engine.")
def command(
    out: Output, checkpoint: str, file: str, data: str | None, split: str, root: str | None, limit: int | None,
    layer_images: int, threads: int,
) -> None:  # fmt: skip
    """Prove a packed file equal to the checkpoint it came from.

    Layer by layer on the same inputs: integers must be equal, floats within their rounding bound; then the predicted
    classes picture by picture. Exit status 1 and the first difference if they differ. DATA as in `xnorkit eval`;
    default: what the checkpoint was trained on.
    """
    need_torch("verify")
    import numpy as np

    from ..export import verify
    from ..train.checkpoint import load_checkpoint

    path = find(file)
    model, info = load_checkpoint(checkpoint)
    pictures = load_pictures(info, data, split, root)
    report = verify(model, path, np.asarray(pictures.images[:limit]), layer_images=layer_images, threads=threads)
    out.table(
        ["layer", "compared as", "elements", "different", "largest error", "must be equal"],
        [[r.name, r.kind, r.compared, r.different, r.max_error, r.binding] for r in report.layers],
    )
    out.line(f"predictions equal: {report.n - report.mismatches:,}/{report.n:,}  ({pictures.name} {pictures.split})")
    out.line(f"largest difference of a class score: {report.logits_max_abs_diff:.3g}")
    out.result({"checkpoint": checkpoint, "file": file, "dataset": pictures.name, **report.to_dict()})
    report.require()
