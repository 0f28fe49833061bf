"""How often a packed file is right."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ..graph.ir import Graph
from ..runtime.session import Session
from ..train.data.arrays import Split
from ..train.metrics import Evaluation, summarize

BATCH = 256


def packed_accuracy(model: Graph | str | Path, data: Split, *, threads: int = 1) -> Evaluation:
    """Top-1, top-5 and confusion of a packed net of one output, by the engine, on all pictures."""
    session = Session(model, threads=threads)
    parts = [session(np.asarray(data.images[i : i + BATCH])) for i in range(0, len(data), BATCH)]
    scores = np.concatenate([np.asarray(part, np.float32).reshape(len(part), -1) for part in parts])
    return summarize(scores, data.labels)
