"""Opening a packed model by file or zoo name, with its input shape and class names."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import UnsupportedError
from ..graph import store
from ..runtime.session import Session
from .files import find


@dataclass(frozen=True)
class Packed:
    """A loaded classifier.

    shape: (H, W, C) of one input; dtype: "u8" or "f32"; classes: names, or numbers where the file has none; meta: the
    file's text.
    """

    session: Session
    shape: tuple[int, int, int]
    dtype: str
    classes: tuple[str, ...]
    meta: Mapping[str, str]

    def logits(self, images: NDArray[Any], batch: int = 256) -> NDArray[np.float32]:
        """(N, H, W, C) uint8 -> (N, classes), in batches."""
        array = images if self.dtype == "u8" else images.astype(np.float32)
        parts = [self.session(array[i : i + batch]) for i in range(0, len(array), batch)]
        return np.concatenate([np.asarray(part, np.float32).reshape(len(part), -1) for part in parts])


def open_packed(name: str, *, threads: int = 1, backend: str = "engine") -> Packed:
    """Load a packed classifier. Raises DataError, FormatError, GraphError or UnsupportedError (several outputs)."""
    graph = store.load(find(name))
    if len(graph.outputs) != 1:
        raise UnsupportedError("model", "number of outputs", got=len(graph.outputs), expected="1: class scores")
    session = Session(graph, backend=backend, threads=threads)  # type: ignore[arg-type]
    attrs = graph.node(session.input_name).attrs
    height, width, channels = attrs["shape"]
    scores = session.output_types[graph.outputs[0]].shape
    classes = class_names(graph.meta.get("classes", ""), scores[0] * scores[1] * scores[2])
    return Packed(session, (height, width, channels), attrs["dtype"], classes, graph.meta)


def class_names(text: str, count: int) -> tuple[str, ...]:
    """The names in a file's ``classes`` text (a JSON list), or "0".."count-1" when it holds no fitting list.

    >>> class_names('["cat", "dog"]', 2), class_names("", 2)
    (('cat', 'dog'), ('0', '1'))
    """
    try:
        found = json.loads(text) if text else None
    except json.JSONDecodeError:
        found = None
    if isinstance(found, list) and len(found) == count and all(isinstance(item, str) for item in found):
        return tuple(found)
    return tuple(str(i) for i in range(count))


def softmax(logits: NDArray[np.float32]) -> NDArray[np.float64]:
    """exp(x - max) / sum over the last axis.

    >>> softmax(np.array([[0.0, 0.0]], np.float32)).tolist()
    [[0.5, 0.5]]
    """
    raised = np.exp(logits.astype(np.float64) - logits.max(axis=-1, keepdims=True))
    result: NDArray[np.float64] = raised / raised.sum(axis=-1, keepdims=True)
    return result


def split_batches(items: Sequence[Any], size: int) -> Iterator[Sequence[Any]]:
    """Consecutive slices of at most ``size``."""
    for start in range(0, len(items), size):
        yield items[start : start + size]
