"""THE CODEC TABLE: how float32 weights stand in a file in fewer bytes, one row each.

>>> weight = np.array([[0.5, 0, 0], [0, 0, -0.25]], np.float32)
>>> coded = CODECS["sparse_shared"].encode(weight, {"gap_bits": 2, "huffman": 0})
>>> {role: part.tolist() for role, part in coded.parts.items()}, coded.attrs["entries"]
({'codebook': [0.0, -0.25, 0.5], 'indices': [18], 'gaps': [12]}, 3)
>>> bool((decode(coded) == weight).all())
True
>>> again = from_bytes(coded.codec, coded.shape, coded.attrs, part_bytes(coded), np.frombuffer(coded.tobytes(), "u1"))
>>> bool((decode(again) == weight).all())
True
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from .coded import FLOATS, Array, Codec, Coded, damaged
from .hashed import HASHED
from .shared import SHARED
from .sparse import SPARSE, SPARSE_SHARED
from .vector import VECTOR

CODECS: dict[str, Codec] = {row.name: row for row in (SHARED, SPARSE, SPARSE_SHARED, VECTOR, HASHED)}


def check(coded: Coded) -> None:
    """What can be told without reading a stream. Raises GraphError ``coded``: an unknown codec, a shape of no or 2^31
    weights, other attributes or parts than the row's."""
    if coded.codec not in CODECS:
        raise damaged("codecs", "codec", coded.codec, f"one of {sorted(CODECS)}")
    CODECS[coded.codec].check(coded)


def decode(coded: Coded) -> Array:
    """The weight. Raises GraphError ``coded`` as ``check``, and for parts and attributes that do not fit."""
    check(coded)
    row = CODECS[coded.codec]
    return row.join(coded, coded.size).reshape(coded.shape)


def part_bytes(coded: Coded) -> dict[str, int]:
    """Bytes of every part, in order."""
    return {name: part.nbytes for name, part in coded.parts.items()}


def from_bytes(codec: str, shape: tuple[int, ...], attrs: Mapping[str, int], sizes: Mapping[str, int],
               data: NDArray[np.uint8]) -> Coded:  # fmt: skip
    """The coded weight whose parts, of ``sizes`` bytes, lie one behind the other in ``data``: views of it, but
    copies of floats, for ``data`` may begin at any byte.

    Raises GraphError ``coded`` as ``check``, and for sizes that do not add up to the data's.
    """
    lengths = list(sizes.values())
    if any(not isinstance(n, int) or n < 0 for n in lengths) or sum(lengths) != len(data):
        raise damaged(codec, "bytes of the parts", lengths, f"{len(data)} together")
    parts, at = {}, 0
    for name, length in sizes.items():
        part = data[at : at + length]
        if name in FLOATS:
            if at % 4 or length % 4:
                raise damaged(codec, f"part {name}", f"bytes {at}..{at + length}", "whole float32 numbers, first")
            part = np.frombuffer(part.tobytes(), "<f4")
        parts[name] = part
        at += length
    coded = Coded(codec, tuple(shape), dict(attrs), parts)
    check(coded)
    return coded
