"""``xnorkit export``: a trained checkpoint becomes one packed file, or, as a packed file does, an ONNX model."""

from __future__ import annotations

from typing import Any

import click

from ..errors import DataError
from .files import find, looks_packed
from .output import Output
from .verb import need_torch, verb

EXAMPLE = """xnorkit export runs/fashion-mnist-lenet5-xnor/best net.xnor.safetensors
xnorkit export net.xnor.safetensors net.onnx"""


@verb("export", example=EXAMPLE)
@click.argument("source")
@click.argument("file")
@click.option(
    "--input-dtype",
    default="u8",
    show_default=True,
    type=click.Choice(["u8", "f32", "auto"]),
    help="What callers pass: uint8 pixels, as training did; float32; auto: pixels where an int8 layer reads them.",
)
@click.option(
    "--coding",
    default="plain",
    show_default=True,
    type=click.Choice(["plain", "fields", "huffman"]),
    help="Float weights as they are, or in the codec that takes the fewest bytes: pruned and shared ones shrink.",
)
def command(out: Output, source: str, file: str, input_dtype: Any, coding: Any) -> None:
    """Pack a trained checkpoint into one file, or write it as ONNX.

    SOURCE is a checkpoint; for a FILE that ends in .onnx also a packed file or a model of `xnorkit list zoo`.

    Prints every layer with weights: whether it was packed, to one bit or up to four, and if not, why. An older FILE is
    replaced only by a complete new one. The ONNX model holds the same packed bits and runs in any runtime of standard
    operators.
    """
    if looks_packed(source):
        _convert(out, source, file)
        return
    need_torch("export")
    import torch

    from ..export import export
    from ..train.checkpoint import load_checkpoint

    model, info = load_checkpoint(source)
    height, width, channels = info.input_size
    example = torch.zeros(1, channels, height, width)
    report = export(model, example, file, input_dtype=input_dtype, meta=info.origin(), coding=coding)
    out.table(
        ["layer", "op", "packed", "bits", "weights", "bytes", "why"],
        [[row.name, row.op, row.packed, row.weight_bits, row.weights, row.bytes, row.why] for row in report.layers],
    )
    layers = sum(row.weights > 0 for row in report.layers)
    out.line(f"{file}: {report.file_bytes:,} bytes, {report.packed} of {layers} layers packed")
    out.result({"file": file, "packed_layers": report.packed, **report.to_dict()})


def _convert(out: Output, source: str, file: str) -> None:
    """A packed file to ONNX."""
    from ..graph.store import load
    from ..interop.onnx_model import SUFFIX, save_onnx

    if not file.endswith(SUFFIX):
        raise DataError("export", f"{source} is packed already", got=file, expected=f"a FILE that ends in {SUFFIX}")
    size = save_onnx(load(find(source)), file)
    out.line(f"{file}: {size:,} bytes")
    out.result({"file": file, "file_bytes": size})
