"""The numbers of the file: limits, alignment, element types, and the records that go in and come out.

A packed file is a valid safetensors file (8-byte little-endian header length, JSON header, tensor bytes) in a strict
profile; ``docs/format.md`` is its byte-level specification.

>>> align(65), align(64), align(0)
(128, 64, 0)
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

VERSION = 2
"""The newest file version this release writes and reads; a file carries the oldest that can say what it holds."""
ALIGNMENT = 64
"""Bytes: the data section and every tensor in it begin at a multiple of it, counted from the start of the file."""
MAX_HEADER_BYTES = 1 << 20
MAX_TENSORS = 4096
MAX_RANK = 6
MAX_TENSOR_BYTES = 1 << 33
MAX_DEPTH = 8
"""Nesting of the header and of the graph JSON."""
MAX_INTEGER = 1 << 53
"""JSON integers stay at or below it: a reader that keeps numbers in doubles sees the same value."""
DEFAULT_BUDGET_BYTES = 1 << 32
"""Files above it are refused unless the caller raises ``budget_bytes``."""

DENSE_VERSION = 2
"""From this version on tensors are aligned to their elements alone, and there is no padding."""

METADATA = "__metadata__"
PAD_PREFIX = "__pad__"
KEY_VERSION, KEY_GRAPH, KEY_SHA256 = "xnorkit.version", "xnorkit.graph", "xnorkit.sha256"
META_PREFIX = "meta."
"""User text travels in ``__metadata__`` under ``meta.<key>``."""

DTYPES: dict[str, np.dtype[Any]] = {
    "U8": np.dtype("u1"),
    "I8": np.dtype("i1"),
    "I32": np.dtype("<i4"),
    "F32": np.dtype("<f4"),
    "U16": np.dtype("<u2"),
}
"""Element types of tensors in a file, by their safetensors name. Bits travel as ``U8``, bfloat16 as the ``U16`` of its
bits: safetensors has a name for it, but its NumPy reader refuses that."""

TENSOR_NAME = re.compile(r"[A-Za-z0-9_.]{1,192}")


@dataclass(frozen=True)
class Records:
    """What a file holds. ``graph`` is opaque text here; tensors are in file order, and read-only when read from a file.

    The reader fills ``sha256``, ``header_bytes`` (length field included) and ``data_bytes`` (padding included).
    """

    graph: str
    tensors: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    meta: Mapping[str, str] = field(default_factory=dict)
    version: int = 1
    sha256: str = ""
    header_bytes: int = 0
    data_bytes: int = 0


@dataclass(frozen=True)
class Extent:
    """Where one tensor lies: ``begin`` and ``end`` count bytes from the start of the data section."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    begin: int
    end: int

    @property
    def is_pad(self) -> bool:
        return self.name.startswith(PAD_PREFIX)

    def line(self) -> str:
        """The canonical text of this extent that enters the file's digest.

        >>> Extent("conv.weight", "I8", (20, 5, 5, 1), 64, 564).line()
        'conv.weight I8 20x5x5x1 64 564\\n'
        """
        return f"{self.name} {self.dtype} {'x'.join(map(str, self.shape))} {self.begin} {self.end}\n"


def align(n: int) -> int:
    """The smallest multiple of ``ALIGNMENT`` that is at least n."""
    return -(-n // ALIGNMENT) * ALIGNMENT
