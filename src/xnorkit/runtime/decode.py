"""Coded weights to numbers, by the engine's decoder.

>>> from ..reference.codecs.table import CODECS
>>> decoded(CODECS["shared"].encode(np.array([0.5, 0, 0.5], np.float32))).tolist()
[0.5, 0.0, 0.5]
"""

from __future__ import annotations

import numpy as np

from ..errors import GraphError
from ..graph.ir import Tensor
from ..reference.codecs.coded import Coded
from ..reference.codecs.table import check
from .backend import Array
from .inputs import plain
from .native import engine


def decoded(tensor: Tensor) -> Array:
    """The numbers of a tensor. Raises GraphError ``coded`` for coded weights that are damaged."""
    if not isinstance(tensor, Coded):
        return tensor
    check(tensor)
    weight = np.empty(tensor.shape, np.float32)
    parts = {name: plain(part) for name, part in tensor.parts.items()}
    try:
        engine.decode(tensor.codec, list(tensor.shape), tensor.attrs, parts, weight)
    except engine.EngineError as error:
        raise GraphError("coded", tensor.codec, str(error.args[1])) from None
    return weight
