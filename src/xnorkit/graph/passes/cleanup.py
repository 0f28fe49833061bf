"""Passes that take away: nodes nobody reads, tensors nobody uses, nodes that change nothing or say the same."""

from __future__ import annotations

from dataclasses import replace

from ..infer import infer
from ..ir import Graph, Node


def drop_dead(graph: Graph) -> Graph:
    """Without the nodes no output depends on (inputs stay: they are the signature) and without unused tensors."""
    live = set(graph.outputs)
    kept: list[Node] = []
    for node in reversed(graph.nodes):
        if node.name in live or node.op == "input":
            kept.append(node)
            live.update(node.inputs)
    used = {key for node in kept for key in node.tensors.values()}
    tensors = {key: array for key, array in graph.tensors.items() if key in used}
    return Graph(tuple(reversed(kept)), graph.outputs, tensors, graph.meta)


def drop_identities(graph: Graph) -> Graph:
    """Without flattens of ``(1, 1, C)`` and 1x1/1 max-pools: readers read their input. Outputs stay."""
    types = infer(graph)
    alias: dict[str, str] = {}
    nodes: list[Node] = []
    for node in graph.nodes:
        node = replace(node, inputs=tuple(alias.get(name, name) for name in node.inputs))
        same = node.op in ("flatten", "max_pool2d") and types[node.name] == types[node.inputs[0]]
        trivial = node.op == "flatten" or (same and tuple(node.attrs["kernel"]) == (1, 1))
        if same and trivial and node.name not in graph.outputs:
            alias[node.name] = node.inputs[0]
        else:
            nodes.append(node)
    return Graph(tuple(nodes), graph.outputs, graph.tensors, graph.meta)


def merge_signs(graph: Graph) -> Graph:
    """With one ``sign`` for each value: the first, which readers of the others read. Outputs stay."""
    first: dict[str, str] = {}
    alias: dict[str, str] = {}
    nodes: list[Node] = []
    for node in graph.nodes:
        node = replace(node, inputs=tuple(alias.get(name, name) for name in node.inputs))
        same = first.setdefault(node.inputs[0], node.name) if node.op == "sign" else node.name
        if same != node.name and node.name not in graph.outputs:
            alias[node.name] = same
        else:
            nodes.append(node)
    return Graph(tuple(nodes), graph.outputs, graph.tensors, graph.meta)
