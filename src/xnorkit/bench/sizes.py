"""What our nets weigh: the packed file and the memory of one run, against the least that arithmetic allows.

The least of a file is the bits of its tensors, one for a binary weight. The least of a run is those tensors and the
largest set of values that must live at the same time. The names, the kernels' tiles and their scratch come on top.

>>> Size("net", "file", 1005, 1000, 0.01).reached, Size("net", "run", 1200, 1000, 0.1).reached
(True, False)
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from math import prod
from typing import Any

from ..graph import store
from ..graph.infer import infer
from ..graph.ir import Graph
from ..reference.ops import OPS
from ..runtime.session import Session
from .net_graph import build_graph
from .nets import NETS
from .works import Work

FILE_OVER, RUN_OVER = 0.01, 0.10
"""Goals: by what share a file, and the memory of a run, may exceed the least."""


@dataclass(frozen=True)
class Size:
    """what: "file", or "run" for weights, values and scratch of one image on one thread. goal: the share allowed."""

    work: str
    what: str
    bytes: int
    least: int
    goal: float

    @property
    def over(self) -> float:
        """The share by which ``bytes`` exceeds ``least``."""
        return self.bytes / self.least - 1

    @property
    def reached(self) -> bool:
        """Whether the goal is."""
        return self.over <= self.goal

    def as_json(self) -> dict[str, Any]:
        """The fields, and what follows from them."""
        return asdict(self) | {"over": self.over, "reached": self.reached}


def least_bytes(graph: Graph) -> int:
    """Bytes of all parameters at the bits they have by meaning, nothing between them."""
    types, bits = infer(graph), 0
    for node in graph.nodes:
        row, inputs = OPS[node.op], tuple(types[name] for name in node.inputs)
        for role, key in node.tensors.items():
            count = prod(row.tensors[role].shape(inputs, row.complete(node.attrs)))
            is_bits = row.tensors[role].dtype == "bits"
            bits += count if is_bits else 8 * graph.tensors[key].nbytes
    return (bits + 7) // 8


def sizes(work: str, graph: Graph) -> list[Size]:
    """The rows of one packed net; the memory is that of this CPU's kernels."""
    program, least = Session(graph).program, least_bytes(graph)
    return [
        Size(work, "file", len(store.to_bytes(graph)), least, FILE_OVER),
        Size(work, "run", program.weight_bytes + program.run_bytes(1, 1), least + program.live_bytes, RUN_OVER),
    ]


def sizes_of(works: Iterable[Work], seed: int) -> list[Size]:
    """The rows of the works that are whole nets, with float ends and with int8 ends."""
    found: list[Size] = []
    for net in (NETS[work.net] for work in works if work.kind == "net"):
        found += sizes(net.name, build_graph(net, seed))
        found += sizes(f"{net.name} int8 ends", build_graph(net, seed, "int8"))
    return found


COLUMNS = ["net", "what", "bytes", "least", "over, %", "goal, %", "reached"]


def table(rows: Iterable[Size]) -> list[list[Any]]:
    """Cells for ``COLUMNS``."""
    return [
        [r.work, r.what, r.bytes, r.least, f"{100 * r.over:.2f}", f"{100 * r.goal:g}", "yes" if r.reached else "NO"]
        for r in rows
    ]
