"""``xnorkit explain``: where a packed file is not one-bit, why, and what that costs."""

from __future__ import annotations

from dataclasses import asdict, dataclass

import click

from ..bench.model import StepRow, steps
from ..graph import store
from ..graph.infer import infer
from ..graph.ir import Graph
from ..graph.reasons import reason
from ..runtime.session import Session
from .files import find
from .output import Output
from .verb import verb

ALONE = "a step of its own: no layer takes it in"


@dataclass(frozen=True)
class Line:
    """One step of the engine. values: the graph's values it computes; layer: of the trained model, "" for none; why: ""
    where it is one-bit and fused; percent and percent_bytes: of the file's time and weights."""

    values: tuple[str, ...]
    layer: str
    op: str
    kernel: str
    why: str
    ms: float
    percent: float
    bytes: int
    percent_bytes: float


def explain(graph: Graph, rows: list[StepRow]) -> list[Line]:
    """A line for each step of the engine, in order."""
    types, found = infer(graph), []
    total = sum(_bytes(graph, _values(row)) for row in rows) or 1
    for row in rows:
        names = _values(row)
        why = list(dict.fromkeys(filter(None, (reason(graph, name, types) for name in names))))
        if not any(graph.node(name).tensors.get("weight") for name in names) and row.op not in ("input", "flatten"):
            why.append(ALONE)
        size = _bytes(graph, names)
        layer = next((graph.node(name).source for name in names if graph.node(name).source), "")
        found.append(Line(names, layer, row.op, row.kernel, "; ".join(why), row.median_ms, row.percent, size,
                          100 * size / total))  # fmt: skip
    return found


def _values(row: StepRow) -> tuple[str, ...]:
    return tuple(row.name.split(" + "))


def _bytes(graph: Graph, names: tuple[str, ...]) -> int:
    return sum(graph.tensors[key].nbytes for name in names for key in graph.node(name).tensors.values())


@verb("explain", example="xnorkit explain net.xnor.safetensors\nxnorkit explain fashion-mnist-lenet5-xnor --all")
@click.argument("model", metavar="FILE")
@click.option("--all", "everything", is_flag=True, help="Also the steps that are one-bit and fused.")
@click.option("--rounds", default=30, show_default=True, type=click.IntRange(min=1), help="Profiled runs.")
def command(out: Output, model: str, everything: bool, rounds: int) -> None:
    """List every step of a packed file that is not one-bit or not fused: why, its time and bytes.

    FILE is a packed file or a zoo name. Times are medians at batch 1 on one thread of this machine.
    """
    path = find(model)
    graph = store.load(path)
    session = Session(graph)
    lines = explain(graph, steps(session, rounds=rounds))
    shown = [line for line in lines if everything or line.why]
    out.table(
        ["layer", "op", "us", "time %", "bytes", "bytes %", "why"],
        [[line.layer or line.values[0], line.op, f"{1e3 * line.ms:.1f}", f"{line.percent:.1f}", line.bytes,
          f"{line.percent_bytes:.1f}", line.why] for line in shown],
    )  # fmt: skip
    good = [line for line in lines if not line.why]
    time, size = sum(line.percent for line in good), sum(line.percent_bytes for line in good)
    shares = f"{time:.1f} % of the time, {size:.1f} % of the bytes"
    out.line(f"one-bit and fused: {len(good)} of {len(lines)} steps, {shares}")
    out.result({"file": str(path), "isa": session.program.isa, "steps": [asdict(line) for line in lines],
                "one_bit": {"steps": len(good), "time_percent": time, "bytes_percent": size}})  # fmt: skip
