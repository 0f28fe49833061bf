"""Coded weights for the engine: to numbers, by its decoder, or as they are where it runs their form.

>>> from ..reference.codecs.table import CODECS
>>> decoded(CODECS["shared"].encode(np.array([0.5, 0, 0.5], np.float32))).tolist()
[0.5, 0.0, 0.5]
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import GraphError
from ..graph.ir import Node, Tensor
from ..reference.codecs.coded import Coded
from ..reference.codecs.table import check
from ..reference.codecs.vector import tabled
from .backend import Array
from .inputs import plain
from .native import engine

if TYPE_CHECKING:
    from ._engine import CodedTuple


def decoded(tensor: Tensor) -> Array:
    """The numbers of a tensor. Raises GraphError ``coded`` for coded weights that are damaged."""
    if not isinstance(tensor, Coded):
        return tensor
    weight = np.empty(tensor.shape, np.float32)
    with damage(tensor):
        engine.decode(*parts_of(tensor), weight)
    return weight


def parts_of(coded: Coded) -> CodedTuple:
    """The weight as the engine takes it. Raises GraphError ``coded`` for a description that is none of the codec's."""
    check(coded)
    return coded.codec, list(coded.shape), coded.attrs, {name: plain(part) for name, part in coded.parts.items()}


@contextmanager
def damage(coded: Coded | None) -> Iterator[None]:
    """Turns what the engine refuses about the parts of a coded weight into GraphError ``coded``; None: nothing."""
    try:
        yield
    except engine.EngineError as error:
        if coded is None or error.args[0] != GraphError.code:
            raise
        raise GraphError("coded", coded.codec, str(error.args[1])) from None


def runs_by_table(node: Node, attrs: Mapping[str, Any], tensor: Tensor) -> bool:
    """Whether the weight is of vectors that the engine looks up, and the node's sums are formed by their segments."""
    if node.op not in ("dense", "conv2d") or not isinstance(tensor, Coded):
        return False
    segment: int = attrs["segment"]
    return segment > 0 and segment == tabled(tensor)


def runs_hashed(node: Node, tensor: Tensor) -> bool:
    """Whether the weight may run without its matrix."""
    return node.op == "dense" and isinstance(tensor, Coded) and tensor.codec == "hashed"
