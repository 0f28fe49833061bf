"""Put a trained checkpoint into the zoo: the packed file and its model card, every figure measured here and now.

usage: make_zoo.py NAME CHECKPOINT TWIN_CHECKPOINT     e.g. fashion-mnist-lenet5-xnor runs/a/best runs/b/best

Refuses when packed and trained model differ on any test picture.
"""

from __future__ import annotations

import hashlib
import json
import sys

import torch

from xnorkit import zoo
from xnorkit.cli.costs import by_kind, costs
from xnorkit.cli.eval_ import load_pictures
from xnorkit.cli.export import describe
from xnorkit.export import export, verify
from xnorkit.runtime.session import Session
from xnorkit.train.checkpoint import load_checkpoint
from xnorkit.train.evaluation import evaluate
from xnorkit.train.metrics import summarize
from xnorkit.train.recipe import dump

CARD = """# {name}

{doc} One file of {bytes:,} bytes, {layers}.

| | |
|---|---|
| file | `{name}.xnor.safetensors` |
| SHA-256 | `{sha256}` |
| trained on | {dataset}, {source} |
| test pictures | {count:,} |
| top-1, packed file | {top1:.2f} % |
| top-5, packed file | {top5:.2f} % |
| top-1, fp32 twin by the same recipe | {twin:.2f} % |
| predictions that differ from the trained model | {mismatches} of {count:,} |
| parameters | {parameters} |
| multiply-adds a picture | {macs} |

Input: `(N, {height}, {width}, {channels})` uint8, light objects on a dark ground, as in the dataset.
Output: `(N, {classes})` class scores.

Classes: {names}.

Data: Fashion-MNIST, Copyright (c) 2017 Zalando SE, MIT licence. The model learned centred catalogue pictures
of clothes on black; photographs of people wearing them are outside what it knows.

## Again

    xnorkit train {recipe_name}
    xnorkit export runs/{recipe_name}/best net.xnor.safetensors
    xnorkit verify runs/{recipe_name}/best net.xnor.safetensors {dataset}
    xnorkit eval net.xnor.safetensors {dataset}

The recipe in full:

```yaml
{recipe}```
"""


def listed(kinds: dict[str, dict[str, int]], column: str) -> str:
    """``425,000 binary, 5,500 int8`` for a column of ``by_kind``."""
    return ", ".join(f"{row[column]:,} {kind}" for kind, row in kinds.items() if row[column])


def main(name: str, checkpoint: str, twin: str) -> None:
    """Write both files; the card's figures are those of the packed file just written."""
    entry = zoo.MODELS[name]
    model, info = load_checkpoint(checkpoint)
    pictures = load_pictures(info, None, "test", None)
    height, width, channels = info.input_size
    report = export(model, torch.zeros(1, channels, height, width), entry.file, meta=describe(info))
    proof = verify(model, entry.file, pictures.images).require()
    scores = Session(entry.file)(pictures.images)
    found = summarize(scores, pictures.labels)
    kinds = by_kind(costs(report.graph))
    weighted = sum(row.weights > 0 for row in report.layers)
    text = CARD.format(
        name=name, doc=entry.doc, bytes=report.file_bytes, layers=f"{report.packed} of {weighted} layers one-bit",
        sha256=hashlib.sha256(entry.file.read_bytes()).hexdigest(), dataset=info.dataset, source="train split",
        count=found.count, top1=100 * found.top1, top5=100 * found.top5,
        twin=100 * evaluate(load_checkpoint(twin)[0], pictures).top1, mismatches=proof.mismatches,
        parameters=listed(kinds, "parameters"), macs=listed(kinds, "macs"), height=height, width=width,
        channels=channels, classes=len(info.classes), names=", ".join(info.classes), recipe_name=info.recipe.name,
        recipe=dump(info.recipe),
    )  # fmt: skip
    entry.card.write_text(text, encoding="utf-8")
    print(json.dumps({"file": str(entry.file), "bytes": report.file_bytes, **found.summary()}))


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    main(*sys.argv[1:])
