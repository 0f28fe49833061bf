"""``xnorkit export``: a trained checkpoint becomes one packed file."""

from __future__ import annotations

from typing import Any

import click

from .output import Output
from .verb import need_torch, verb


@verb("export", example="xnorkit export runs/fashion-mnist-lenet5-xnor/best net.xnor.safetensors")
@click.argument("checkpoint")
@click.argument("file")
@click.option(
    "--input-dtype",
    default="u8",
    show_default=True,
    type=click.Choice(["u8", "f32", "auto"]),
    help="What callers pass: uint8 pixels, as training did; float32; auto: pixels where an int8 layer reads them.",
)
def command(out: Output, checkpoint: str, file: str, input_dtype: Any) -> None:
    """Pack a trained checkpoint into one file.

    Prints every layer with weights: whether it was packed to one bit, and if not, why. An older FILE is replaced only
    by a complete new one.
    """
    need_torch("export")
    import torch

    from ..export import export
    from ..train.checkpoint import load_checkpoint

    model, info = load_checkpoint(checkpoint)
    height, width, channels = info.input_size
    example = torch.zeros(1, channels, height, width)
    report = export(model, example, file, input_dtype=input_dtype, meta=info.origin())
    out.table(
        ["layer", "op", "one-bit", "weights", "bytes", "why"],
        [[row.name, row.op, row.packed, row.weights, row.bytes, row.why] for row in report.layers],
    )
    layers = sum(row.weights > 0 for row in report.layers)
    out.line(f"{file}: {report.file_bytes:,} bytes, {report.packed} of {layers} layers one-bit")
    out.result({"file": file, "packed_layers": report.packed, **report.to_dict()})
