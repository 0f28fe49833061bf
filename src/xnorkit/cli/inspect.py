"""``xnorkit inspect``: what is in a packed file; no torch, nothing is run."""

from __future__ import annotations

import hashlib
from dataclasses import asdict

import click

from ..graph import store
from ..graph.dump import dump
from ..graph.weights import weight_rows
from .costs import by_kind, costs
from .files import find
from .output import Output
from .verb import verb


@verb("inspect", example="xnorkit inspect net.xnor.safetensors\nxnorkit inspect fashion-mnist-lenet5-xnor --graph")
@click.argument("model", metavar="FILE")
@click.option("--graph", "show_graph", is_flag=True, help="Print the graph, one node a line, instead of the tables.")
def command(out: Output, model: str, show_graph: bool) -> None:
    """Show the graph, bits, bytes and operations of a packed file.

    FILE is a packed file or a zoo name. MACs are multiply-adds for one input. Entropy: bits a
    weight that no code of single weights can pass; of binary layers, of their signs.
    """
    path = find(model)
    graph, info = store.load(path), store.info(path)
    rows = costs(graph)
    kinds, weights = by_kind(rows), weight_rows(graph)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    if show_graph:
        out.line(dump(graph))
    else:
        out.line(f"{path}: {info.file_bytes:,} bytes, format {info.version}", bold=True)
        out.line(f"file SHA-256 {digest}\ncontent SHA-256 {info.sha256}\n")
        out.table(
            ["layer", "op", "output", "weights", "bytes", "MACs"],
            [[row.name, row.op, row.output, row.weights, row.bytes, row.macs] for row in rows],
        )
        out.line()
        out.table(
            ["kind", "parameters", "bytes", "MACs"],
            [[kind, entry["parameters"], entry["bytes"], entry["macs"]] for kind, entry in kinds.items()],
        )
        out.line()
        out.table(
            ["weights of", "codec", "kept %", "values", "bits a weight", "entropy", "bytes by part"],
            [
                [row.name, row.codec or "plain", f"{100 * row.kept:.1f}", row.values, f"{row.bits:.3f}",
                 f"{row.entropy:.3f}", ", ".join(f"{part} {size:,}" for part, size in row.parts.items())]
                for row in weights
            ],
        )  # fmt: skip
        overhead = info.header_bytes + info.padding_bytes
        out.line(f"header {info.header_bytes:,} bytes, alignment {info.padding_bytes:,} bytes, together {overhead:,}")
        for key, value in sorted(graph.meta.items()):
            out.line(f"{key}: {value}")
    facts = asdict(info)
    facts["content_sha256"] = facts.pop("sha256")
    out.result(
        {
            "file": str(path),
            "file_sha256": digest,
            **facts,
            "meta": dict(graph.meta),
            "kinds": kinds,
            "layers": [asdict(row) for row in rows],
            "weights": [asdict(row) for row in weights],
            "graph": dump(graph),
        }
    )
