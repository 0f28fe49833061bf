"""The file's SHA-256: it covers the graph text, the user text, the table of tensors and every data byte.

Each text part is framed by its length, so that no byte can move from one part to the next unnoticed:
``sha256( u64le(len(p)) + p  for p in (version, graph, meta, table)  +  the data section )``, where ``meta`` is
``key NUL value NUL`` for the keys in code-point order and ``table`` the concatenated ``Extent.line()`` in file order.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping

from .layout import Extent


def digest(version: int, graph: str, meta: Mapping[str, str], extents: Iterable[Extent],
           data: Iterable[bytes | memoryview]) -> str:  # fmt: skip
    """Lower-case hex digest; ``data`` are the pieces of the data section in order, padding included.

    >>> digest(1, "{}", {}, [], [])[:8]
    'd3104a9c'
    """
    meta_text = "".join(f"{key}\0{meta[key]}\0" for key in sorted(meta))
    h = hashlib.sha256()
    for text in (str(version), graph, meta_text, "".join(e.line() for e in extents)):
        part = text.encode()
        h.update(len(part).to_bytes(8, "little"))
        h.update(part)
    for piece in data:
        h.update(piece)
    return h.hexdigest()
