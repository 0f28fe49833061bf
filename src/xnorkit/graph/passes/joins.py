"""Signs move before joins and picks of channels, so that bits are joined and picked, not floats.

Derivation. Let f be elementwise maps and max-pools, channel by channel, between a join and a sign. Each channel of a
``concat`` comes from one part and each of a ``pick_channels`` from one channel, and f and sign see one channel only:

    sign(f(concat(a, b))) = concat(sign(f_a(a)), sign(f_b(b)))      f_a, f_b: f with the numbers of those channels
    sign(f(pick(x)))      = pick(sign(f'(x)))                       f': f on the picked channels, the identity elsewhere

The signs then meet the sums of their part and become thresholds. It pays only where no one else reads the join: all its
readers must be chains that end in signs. Training expressions (``exact``) move along, restricted to their channels.

>>> from ..build import GraphBuilder
>>> b = GraphBuilder()
>>> x = b.input("x", "f32", (1, 1, 4))
>>> both = b.add("concat", b.add("relu", x), b.add("tanh", x))
>>> [(n.name, n.op) for n in signs_before_joins(b.graph([b.add("sign", both, name="s")]), {})[0].nodes[3:]]
[('concat_1', 'concat'), ('s.0', 'sign'), ('s.1', 'sign'), ('s', 'concat')]
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from ...reference.channels import picked
from ...reference.ops import OPS, Array
from ..infer import infer
from ..ir import Graph, Node
from .chain import Evaluate
from .readers import Readers, is_link

JOINS = ("concat", "pick_channels")
_NEUTRAL = {"scale": 1.0, "bias": 0.0, "slope": 1.0}
"""Role -> the number that makes a channel pass unchanged."""


def signs_before_joins(graph: Graph, exact: Mapping[str, Evaluate]) -> tuple[Graph, dict[str, Evaluate]]:
    """The graph, and the training expressions with those of the moved nodes. The last node keeps the sign's name; joins
    that nobody reads any more stay: ``drop_dead`` removes them."""
    expressions = dict(exact)
    found = _next(graph)
    while found is not None:
        sign, links, join = found
        move = _before_concat if join.op == "concat" else _before_pick
        tensors = graph.arrays()
        new = move(graph, sign, links, join, tensors, expressions)
        nodes = [n for node in graph.nodes for n in (new if node is sign else [node])]
        graph = Graph(tuple(nodes), graph.outputs, tensors, graph.meta)
        found = _next(graph)
    return graph, expressions


def _next(graph: Graph) -> tuple[Node, list[Node], Node] | None:
    """A sign, the links before it in order, and the join they read; None where no sign may move."""
    by_name, readers = {node.name: node for node in graph.nodes}, Readers(graph)
    for sign in graph.nodes:
        if sign.op != "sign":
            continue
        links: list[Node] = []
        node = by_name[sign.inputs[0]]
        while is_link(node):
            links.insert(0, node)
            node = by_name[node.inputs[0]]
        if node.op in JOINS and readers.only_signs(node.name):
            return sign, links, node
    return None


def _before_concat(graph: Graph, sign: Node, links: list[Node], join: Node, tensors: dict[str, Array],
                   exact: dict[str, Evaluate]) -> list[Node]:  # fmt: skip
    types, nodes, sides, begin = infer(graph), [], [], 0
    for side, part in enumerate(join.inputs):
        width = types[part].shape[2]
        channels = np.arange(begin, begin + width)

        def own(role: str, array: Array, at: NDArray[np.int64] = channels) -> Array:
            return np.asarray(array[at])

        value = part
        for i, link in enumerate(links):
            name = f"{sign.name}.{side}.{link.op}{i}"
            nodes.append(_restricted(link, name, value, own, tensors))
            if link.name in exact:
                exact[name] = _on_part(exact[link.name], channels, types[join.name].shape[2])
            value = name
        sides.append(Node(f"{sign.name}.{side}", "sign", (value,), source=sign.source))
        nodes.append(sides[-1])
        begin += width
    return [*nodes, Node(sign.name, "concat", tuple(node.name for node in sides), source=sign.source)]


def _before_pick(graph: Graph, sign: Node, links: list[Node], join: Node, tensors: dict[str, Array],
                 exact: dict[str, Evaluate]) -> list[Node]:  # fmt: skip
    attrs, width = OPS[join.op].complete(join.attrs), infer(graph)[join.inputs[0]].shape[2]
    channels = picked(width, attrs["begin"], attrs["out_channels"], attrs["groups"])

    def widened(role: str, array: Array) -> Array:
        whole = np.full(width, _NEUTRAL[role], array.dtype)
        whole[channels] = array
        return whole

    nodes, value = [], join.inputs[0]
    for i, link in enumerate(links):
        name = f"{sign.name}.0.{link.op}{i}"
        nodes.append(_restricted(link, name, value, widened, tensors))
        if link.name in exact:
            exact[name] = _on_whole(exact[link.name], channels)
        value = name
    early = Node(f"{sign.name}.0", "sign", (value,), source=sign.source)
    return [*nodes, early, Node(sign.name, join.op, (early.name,), join.attrs, source=sign.source)]


def _restricted(link: Node, name: str, value: str, change: Callable[[str, Array], Array],
                tensors: dict[str, Array]) -> Node:  # fmt: skip
    """A copy of the link on other channels: ``change(role, numbers)`` gives those of its tensors."""
    keys = {role: f"{name}.{role}" for role in link.tensors}
    for role, key in keys.items():
        tensors[key] = np.ascontiguousarray(change(role, tensors[link.tensors[role]]))
    return Node(name, link.op, (value,), link.attrs, keys, link.source)


def _on_part(whole: Evaluate, channels: NDArray[np.int64], width: int) -> Evaluate:
    def evaluate(x: NDArray[np.float32]) -> NDArray[np.float32]:
        spread = np.zeros((len(x), width), np.float32)
        spread[:, channels] = x
        return whole(spread)[:, channels]

    return evaluate


def _on_whole(part: Evaluate, channels: NDArray[np.int64]) -> Evaluate:
    def evaluate(x: NDArray[np.float32]) -> NDArray[np.float32]:
        whole = x.copy()
        whole[:, channels] = part(np.ascontiguousarray(x[:, channels]))
        return whole

    return evaluate
