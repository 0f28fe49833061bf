"""Every net of the table under every scheme: made-up numbers, export, verify on real pictures. ``make parity``.

python tools/parity.py [--models NAME...] [--schemes NAME...] [--full] [--pictures N] [--out FOLDER] [--json]

Random weights from a seed, batch-norm statistics of the pictures, gammas of both signs and zeros (`xk.rehearse`), on
Fashion-MNIST's test pictures, resized to the net's input, a grey one in all its channels. Nets are narrow ones of
`Model.small` unless --full. Exit status 1 unless every pair is packed and equal. A *tie* is a picture whose class
differs because a float layer before a sign gave a number at its threshold (`verify`): named, and no fault of the file.
"""

from __future__ import annotations

import argparse
import json
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from rich.progress import track

import xnorkit as xk
from xnorkit.errors import XnorkitError
from xnorkit.models.table import MODELS, config_of
from xnorkit.nn.schemes import SCHEMES
from xnorkit.train.data.datasets import load
from xnorkit.train.files import write_file

CLASSES = 10


def resized(images: NDArray[np.uint8], side: int, channels: int) -> NDArray[np.uint8]:
    """Grey pictures (N, H, W, 1) -> (N, side, side, channels), bilinear."""
    made = [
        np.asarray(Image.fromarray(image[..., 0]).resize((side, side), Image.Resampling.BILINEAR)) for image in images
    ]
    return np.repeat(np.stack(made)[..., None], channels, axis=-1)


def row_of(name: str, scheme: str, pictures: NDArray[np.uint8], full: bool) -> dict[str, Any]:
    """What came of one net under one scheme; ``status`` is "equal", "differs" or why it is not packed."""
    row = MODELS[name]
    options = dict(row.options if full else {**row.options, **row.small})
    torch.manual_seed(0)
    found: dict[str, Any] = {"net": name, "scheme": scheme}
    try:
        model = xk.create_model(name, scheme, num_classes=CLASSES, in_chans=row.in_chans, **options)
        images = resized(pictures, config_of(model)["input_size"], row.in_chans)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch.export's own
            report = xk.rehearse(model, images, input_dtype="u8")
    except XnorkitError as error:
        return {**found, "status": str(error).splitlines()[0]}
    compared, different = report.integers
    loose = sum(r.different for r in report.verify.layers if r.kind != "floats" and not r.binding)
    behind = sum(r.compared for r in report.verify.layers if r.kind != "floats" and not r.binding)
    tied = not different and report.verify.mismatches == report.verify.ties
    status = "equal" if report.ok else "tie" if tied else "differs"
    return {**found, "status": status, "first_difference": report.verify.first_difference,
            "integers": compared, "different": different, "behind_floats": behind, "behind_floats_different": loose,
            "predictions": report.verify.n, "predictions_different": report.verify.mismatches,
            "ties": report.verify.ties,
            "logits_max_abs_diff": report.verify.logits_max_abs_diff, "packed_layers": report.export.packed,
            "layers": len(report.export.layers), "file_bytes": report.export.file_bytes,
            "export_seconds": round(report.export_seconds, 2)}  # fmt: skip


def page(rows: list[dict[str, Any]], command: str) -> str:
    """The table with what it shows, as a page of the docs."""
    packed = [row for row in rows if "integers" in row]
    ties = sum(row["ties"] for row in packed)
    integers, wrong = (sum(row[key] for row in packed) for key in ("integers", "different"))
    nets, schemes = (len({row[key] for row in rows}) for key in ("net", "scheme"))
    predictions, turned = (sum(row[key] for row in packed) for key in ("predictions", "predictions_different"))
    return f"""# Every network under every scheme

{nets} networks, {schemes} schemes, {len(rows)} pairs: {len(packed)} packed. {integers:,} sums, signs and codes that no
float stands before were compared, {wrong} differ. Of {predictions:,} predictions {turned} differ, {ties} of them by a
*tie*: a float layer before a sign gave a number at its threshold, so that the order of additions decides.

A cell: layers of a few bits of all layers with weights, and the integers compared. The numbers are made up
(`xk.rehearse`): random weights with zeros, batch norms with gammas of both signs and zeros, and the statistics of
Fashion-MNIST's pictures, resized.

    {command}

{markdown(rows)}"""


def markdown(rows: list[dict[str, Any]]) -> str:
    """A line for each net, a column for each scheme: integers compared, 0 of which differ, or a mark."""
    schemes = list(dict.fromkeys(row["scheme"] for row in rows))
    cells = {(row["net"], row["scheme"]): row for row in rows}
    lines = ["| net | " + " | ".join(schemes) + " |", "|---|" + "--:|" * len(schemes)]
    for net in dict.fromkeys(row["net"] for row in rows):
        lines.append(f"| {net} | " + " | ".join(cell(cells[net, scheme]) for scheme in schemes) + " |")
    return "\n".join(lines) + "\n"


def cell(row: dict[str, Any]) -> str:
    """What a table shows of one row."""
    if row["status"] not in ("equal", "tie", "differs"):
        return "not packed"
    text = f"{row['packed_layers']} of {row['layers']}, {row['integers']:,}" if row["packed_layers"] else "float"
    wrong = row["different"] + row["predictions_different"]
    if row["status"] == "tie":
        return f"{text}; {row['ties']} tie"
    return text if row["status"] == "equal" else f"**{wrong} differ**"


def main() -> int:
    """Run the chosen pairs, print, write what is kept."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--models", nargs="+", choices=sorted(MODELS), default=list(MODELS))
    parser.add_argument("--schemes", nargs="+", default=list(SCHEMES))
    parser.add_argument("--full", action="store_true", help="nets at their published size")
    parser.add_argument("--pictures", type=int, default=32)
    parser.add_argument("--out", type=Path, help="folder for parity.json and parity.md; nothing is written without")
    parser.add_argument("--json", action="store_true", help="print JSON")
    arguments = parser.parse_args()
    pictures = load("fashion-mnist", "test").images[: arguments.pictures]
    pairs = [(name, scheme) for name in arguments.models for scheme in arguments.schemes]
    rows = [row_of(name, scheme, pictures, arguments.full)
            for name, scheme in track(pairs, "parity", disable=not sys.stderr.isatty())]  # fmt: skip
    print(json.dumps(rows, indent=1) if arguments.json else markdown(rows))
    for row in rows:
        if row["status"] != "equal":
            print(f"{row['net']} {row['scheme']}: {row['status']} {row.get('first_difference', '')}", file=sys.stderr)
    if arguments.out:
        write_file(arguments.out / "parity.json", (json.dumps(rows, indent=1) + "\n").encode())
        command = "make parity" + (' PARITY_ARGS="--full"' if arguments.full else "")
        write_file(arguments.out / "parity.md", page(rows, command).encode())
    return int(any(row["status"] not in ("equal", "tie") for row in rows))


if __name__ == "__main__":
    sys.exit(main())
