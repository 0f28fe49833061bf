"""Who reads a value, and whether anybody needs more of it than its signs."""

from __future__ import annotations

from collections import defaultdict

from ..ir import Graph, Node
from .chain import ELEMENTWISE


def is_link(node: Node) -> bool:
    """Whether the node maps each channel by itself, so that signs may move through it."""
    return node.op in ELEMENTWISE or (node.op == "max_pool2d" and "flip" not in node.tensors)


class Readers:
    """The readers of a graph's values, without nodes that no output needs."""

    def __init__(self, graph: Graph) -> None:
        self.outputs = frozenset(graph.outputs)
        by_name = {node.name: node for node in graph.nodes}
        live: set[str] = set()
        waiting = list(graph.outputs)
        while waiting:
            name = waiting.pop()
            if name not in live:
                live.add(name)
                waiting.extend(by_name[name].inputs)
        self._of: dict[str, list[Node]] = defaultdict(list)
        for node in graph.nodes:
            for name in node.inputs if node.name in live else ():
                self._of[name].append(node)

    def only_signs(self, name: str) -> bool:
        """Whether every way from the value ends in a ``sign``, through links alone."""
        if name in self.outputs:
            return False
        return all(user.op == "sign" or (is_link(user) and self.only_signs(user.name)) for user in self._of[name])
