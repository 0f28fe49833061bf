"""Signs of monotone chains become integer thresholds, and max-pools between them work on bits.

Derivation. Let h be the elementwise maps before a max-pool and g those after it, each monotone per channel. Then

    sign(g(max_i h(x_i))) = max_i sign(g(h(x_i)))   where g does not decrease,
                          = min_i sign(g(h(x_i)))   where g does not increase,

because sign does not decrease, and a monotone map commutes with max or turns it into min. So the threshold of the whole
composition moves to the accumulator, and the pool works on packed bits with ``flip`` set where g decreases. Float32
rounding is monotone too, so all of this is exact for the float expression itself, not only for the real one.

The edge of each threshold is found by bisection on the composition evaluated in float32 at integer candidates. By
default the op table evaluates; the exporter passes the *training expression* of a node (``exact``) instead, so that
ties land as they do in training (conventions: "Batch norm + sign = integer threshold").

A flatten moves behind the threshold when no per-channel map follows it; else the accumulator itself is flattened first,
pools before it then stay on integers, which is exact only where h does not decrease; otherwise nothing is rewritten.

A float value of which somebody needs more than signs is computed anyway, and a sign of it costs next to nothing: it
stays as it is, unless training evaluated the chain by an expression of its own.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ...reference import thresholds
from ...reference.bits import pack_flat
from ...reference.ops import Array
from ...reference.shapes import TensorType
from ..infer import infer
from ..ir import Graph, Node
from .chain import Chain, Evaluate, compose, expressions, falling, walk
from .readers import Readers


def signs_to_thresholds(graph: Graph, exact: Mapping[str, Evaluate] | None = None) -> Graph:
    """Replace every ``sign`` fed by a chain from an integer accumulator. Values and their names stay.

    ``exact`` gives, by node name, the float32 expression that training evaluated for that node.
    Nodes left without readers stay: ``drop_dead`` removes them.
    """
    types = infer(graph)
    nodes: list[Node] = []
    tensors: dict[str, Array] = graph.arrays()
    readers = Readers(graph)
    for node in graph.nodes:
        chain = walk(graph, node) if node.op == "sign" else None
        needed = chain and not readers.only_signs(node.inputs[0])
        shared = chain and needed and not any(link.name in (exact or {}) for link in chain.links)
        rewritten = _rewrite(graph, chain, types, exact or {}, tensors) if chain and not shared else None
        nodes.extend(rewritten or [node])
    return Graph(tuple(nodes), graph.outputs, tensors, graph.meta)


def _rewrite(graph: Graph, chain: Chain, types: Mapping[str, TensorType], exact: Mapping[str, Evaluate],
             tensors: dict[str, Array]) -> list[Node] | None:  # fmt: skip
    found = expressions(graph, chain, types, exact)
    if found is None:
        return None
    maps, limit = found
    flattens = [i for i, link in enumerate(chain.links) if link.op == "flatten"]
    late_flatten = bool(flattens) and any(link.name in maps for link in chain.links[flattens[-1] :])
    rewrite = _threshold_after_flatten if late_flatten else _threshold_first
    return rewrite(chain, types, maps, limit, tensors)


def _add_threshold(name: str, source: Node, value: str, f: Evaluate, limit: int, channels: int,
                   tensors: dict[str, Array]) -> Node:  # fmt: skip
    edge, flip = thresholds.derive(f, -limit, limit, channels)
    keys = {"threshold": f"{name}.threshold", "flip": f"{name}.flip"}
    tensors[keys["threshold"]], tensors[keys["flip"]] = edge, pack_flat(flip)
    return Node(name, "threshold", (value,), tensors=keys, source=source.source)


def _threshold_first(chain: Chain, types: Mapping[str, TensorType], maps: Mapping[str, Evaluate], limit: int,
                     tensors: dict[str, Array]) -> list[Node]:  # fmt: skip
    """acc -> threshold -> pools and flattens on bits; the last node takes the sign's name."""
    channels = types[chain.acc.name].shape[2]
    movers = [i for i, link in enumerate(chain.links) if link.name not in maps]
    names = [f"{chain.end.name}.{i}" for i in range(len(movers))] + [chain.end.name]
    full = compose(chain.links, maps, channels)
    nodes = [_add_threshold(names[0], chain.end, chain.acc.name, full, limit, channels, tensors)]
    for index, name in zip(movers, names[1:], strict=True):
        link = chain.links[index]
        roles: dict[str, str] = {}
        if link.op == "max_pool2d":
            before = compose(chain.links[:index], maps, channels)
            after = compose(chain.links[index + 1 :], maps, channels)
            down = falling(after, before, limit, channels)
            if down.any():
                roles["flip"] = f"{name}.flip"
                tensors[roles["flip"]] = pack_flat(np.where(down, np.int8(-1), np.int8(1)))
        nodes.append(Node(name, link.op, (nodes[-1].name,), link.attrs, roles, link.source))
    return nodes


def _threshold_after_flatten(chain: Chain, types: Mapping[str, TensorType], maps: Mapping[str, Evaluate], limit: int,
                             tensors: dict[str, Array]) -> list[Node] | None:  # fmt: skip
    """acc -> pools and flattens on integers -> threshold of C' = H*W*C channels; None where a pool does not commute."""
    channels = types[chain.acc.name].shape[2]
    value, nodes = chain.acc.name, []
    for index, link in enumerate(chain.links):
        if link.name in maps:
            continue
        before = compose(chain.links[:index], maps, channels)
        if link.op == "max_pool2d" and falling(before, lambda x: x, limit, channels).any():
            return None
        nodes.append(Node(f"{chain.end.name}.{index}", link.op, (value,), link.attrs, {}, link.source))
        value = nodes[-1].name
    wide = types[chain.end.name].shape[2]
    full = compose(chain.links, maps, channels)
    nodes.append(_add_threshold(chain.end.name, chain.end, value, full, limit, wide, tensors))
    return nodes
