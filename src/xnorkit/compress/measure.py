"""What a stage left: the packed file, how often it is right, and where its bytes are."""

from __future__ import annotations

import json
import statistics
from collections.abc import Mapping
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import nn

from ..bench.model import inputs
from ..bench.race import alternate, clocked
from ..export.accuracy import packed_accuracy
from ..export.exporter import export
from ..graph.coding import Coding
from ..graph.store import load
from ..graph.weights import weight_rows
from ..runtime.session import Session
from ..train.checkpoint import CheckpointInfo
from ..train.data.arrays import Split

FILE = "net.xnor.safetensors"


def measure(model: nn.Module, info: CheckpointInfo, file: Path, test: Split, *, coding: Coding, stages: str,
            threads: int = 1) -> dict[str, Any]:  # fmt: skip
    """Write the packed file, and say what it is: accuracy on the test split, weights kept, bytes by layer.

    stages: what was done, as text that the file keeps. Raises UnsupportedError for what cannot be packed.
    """
    height, width, channels = info.input_size
    meta = {"classes": json.dumps(list(info.classes), ensure_ascii=False), "dataset": info.dataset}
    file.parent.mkdir(parents=True, exist_ok=True)
    report = export(model, torch.zeros(1, channels, height, width), file, input_dtype="u8", coding=coding,
                    meta=meta | ({"compressed": stages} if stages else {}))  # fmt: skip
    found, layers = packed_accuracy(file, test, threads=threads), weight_rows(report.graph)
    parameters = [parameter.detach() for parameter in model.parameters()]
    return {
        "bytes": report.file_bytes,
        "top1": found.top1,
        "pictures": found.count,
        "parameters": sum(p.numel() for p in parameters),
        "kept": sum(int(torch.count_nonzero(p)) for p in parameters),
        "layers": [asdict(row) for row in layers],
    }


def clock(files: Mapping[str, Path], rounds: int) -> dict[str, float]:
    """Median milliseconds of one picture on one thread; the files take turns: noise hits all alike."""
    calls = {}
    for name, file in files.items():
        session = Session(load(file), threads=1)
        calls[name] = partial(clocked, partial(session, inputs(session.graph, 1), threads=1))
    return {name: 1e3 * statistics.median(seconds) for name, seconds in alternate(calls, rounds=rounds).items()}
