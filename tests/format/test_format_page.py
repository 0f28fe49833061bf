"""docs/format.md says what the code does: same version, same limits, same reasons with the same words."""

from __future__ import annotations

import re
from pathlib import Path

from xnorkit.format import layout
from xnorkit.format.validate import FORMAT_REASONS
from xnorkit.graph.verify import GRAPH_REASONS, MAX_NODES

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "format.md").read_text(encoding="utf-8")


def test_reasons() -> None:
    rows = dict(re.findall(r"^\| `(\w+)` \| (.*) \|$", PAGE.split("### Reasons of a FormatError")[1], re.M))
    assert rows == {**FORMAT_REASONS, **GRAPH_REASONS}


def test_numbers() -> None:
    assert f"page: **{layout.VERSION}**" in PAGE
    assert f"at most {layout.MAX_HEADER_BYTES:,}" in PAGE
    assert f"at most {layout.MAX_TENSORS} tensors" in PAGE and f"{layout.MAX_TENSOR_BYTES >> 30} GiB each" in PAGE
    assert f"Rank 1..{layout.MAX_RANK}" in PAGE and f"nested at most {layout.MAX_DEPTH} deep" in PAGE
    assert f"At most {MAX_NODES} nodes" in PAGE and f"default {layout.DEFAULT_BUDGET_BYTES >> 30} GiB" in PAGE
    assert ", ".join(f"`{name}`" for name in layout.DTYPES) in PAGE
