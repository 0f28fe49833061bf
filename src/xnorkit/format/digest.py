"""The file's SHA-256: it covers the graph text, the user text, the table of tensors and every data byte.

    sha256( part(version) + part(graph) + part(user text count) + part(key) + part(value) + ... + part(table) + data )

with ``part(text) = u64 little-endian byte length + UTF-8 bytes``, so that no byte can move from one part to the next
unnoticed. User texts come in the order of their keys' UTF-8 bytes; ``table`` is the concatenation of ``Extent.line()``
in file order, padding included; ``data`` is the data section as it lies in the file.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping

from .layout import Extent


def digest(
    version: int, graph: str, meta: Mapping[str, str], extents: Iterable[Extent], data: Iterable[bytes | memoryview]
) -> str:
    """Lower-case hex digest; ``data`` are the pieces of the data section in order.

    >>> digest(1, "{}", {}, [], [])[:8]
    '947c92b7'
    """
    texts = [str(version), graph, str(len(meta))]
    for key in sorted(meta):
        texts += [key, meta[key]]
    texts.append("".join(extent.line() for extent in extents))
    h = hashlib.sha256()
    for text in texts:
        part = text.encode()
        h.update(len(part).to_bytes(8, "little"))
        h.update(part)
    for piece in data:
        h.update(piece)
    return h.hexdigest()
