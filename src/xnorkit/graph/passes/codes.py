"""Quantizers of monotone chains become integer thresholds: codes straight from the accumulator.

Derivation. ``quantize`` does not decrease, so code(f(acc)) of a monotone f is monotone in the integer acc: it reaches
level k = 1..2^b - 1 at one accumulator, found by bisection on f evaluated in float32, as for signs (``thresholds.py``).
A max-pool between them, with h before it and g after it up to the code, may stand

    on codes      code(g(max_i h(x_i))) = max_i code(g(h(x_i)))     where g does not decrease,
    on integers   code(g(max_i h(x_i))) = code(g(h(max_i x_i)))     where h does not decrease;

a flatten may stand behind the thresholds where no per-channel map follows it. The fewest pools and flattens that must
go to the integers do; where a pool can stand on neither side, the quantizer stays on floats.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from ...reference import codes
from ...reference.bits import pack_flat
from ...reference.ops import OPS, Array
from ...reference.shapes import TensorType
from ..infer import infer
from ..ir import Graph, Node
from .chain import Chain, Evaluate, compose, expressions, falling, walk


def codes_to_thresholds(graph: Graph, exact: Mapping[str, Evaluate] | None = None) -> Graph:
    """Replace every ``quantize`` fed by a chain from an integer accumulator by ``multithreshold``. Names stay.

    ``exact`` gives, by node name, the float32 expression that training evaluated for that node. A float value that
    somebody else reads keeps its quantizer, unless training had an expression of its own.
    """
    types, nodes = infer(graph), list[Node]()
    tensors: dict[str, Array] = graph.arrays()
    readers = Counter(name for node in graph.nodes for name in node.inputs) + Counter(graph.outputs)
    for node in graph.nodes:
        chain = walk(graph, node) if node.op == "quantize" else None
        shared = chain and readers[node.inputs[0]] > 1 and not any(link.name in (exact or {}) for link in chain.links)
        rewritten = _rewrite(graph, chain, types, exact or {}, tensors) if chain and not shared else None
        nodes.extend(rewritten or [node])
    return Graph(tuple(nodes), graph.outputs, tensors, graph.meta)


def _rewrite(graph: Graph, chain: Chain, types: Mapping[str, TensorType], exact: Mapping[str, Evaluate],
             tensors: dict[str, Array]) -> list[Node] | None:  # fmt: skip
    found = expressions(graph, chain, types, exact)
    flattened = any(link.op == "flatten" for link in chain.links)
    if found is None or (flattened and not _uniform(graph, chain.end)):
        return None
    maps, limit = found
    maps[chain.end.name] = _code(graph, chain.end)
    channels = types[chain.acc.name].shape[2]
    movers = [i for i, link in enumerate(chain.links) if link.name not in maps]
    first = next((n for n in range(len(movers) + 1) if _allowed(chain, maps, movers, n, limit, channels)), None)
    if first is None:
        return None
    bits = OPS["quantize"].complete(chain.end.attrs)["activation_bits"]
    width = types[chain.links[movers[first - 1]].name].shape[2] if first else channels
    full = compose((*chain.links, chain.end), maps, channels)
    edges, flip = codes.derive(full, -limit, limit, width, bits)
    names = [f"{chain.end.name}.{i}" for i in range(len(movers))] + [chain.end.name]
    keys = {"threshold": f"{names[first]}.threshold", "flip": f"{names[first]}.flip"}
    tensors[keys["threshold"]], tensors[keys["flip"]] = edges, pack_flat(flip)
    step = Node("", "multithreshold", (), {"activation_bits": bits}, keys, chain.end.source)
    steps = [chain.links[i] for i in movers]
    steps.insert(first, step)
    nodes, value = list[Node](), chain.acc.name
    for name, link in zip(names, steps, strict=True):
        nodes.append(Node(name, link.op, (value,), link.attrs, link.tensors, link.source))
        value = name
    return nodes


def _allowed(chain: Chain, maps: Mapping[str, Evaluate], movers: list[int], first: int, limit: int,
             channels: int) -> bool:  # fmt: skip
    """Whether the thresholds may stand behind the first ``first`` pools and flattens, and before the others."""
    for number, index in enumerate(movers):
        h = compose(chain.links[:index], maps, channels)
        g = compose((*chain.links[index + 1 :], chain.end), maps, channels)
        if chain.links[index].op == "flatten":
            if number >= first and any(link.name in maps for link in chain.links[index + 1 :]):
                return False
        elif number < first:
            if falling(h, lambda x: x, limit, channels).any():
                return False
        elif _flattened(chain, index) or falling(g, h, limit, channels).any():
            return False
    return True


def _flattened(chain: Chain, index: int) -> bool:
    """Whether a per-channel map of a flattened value follows: its channels are not those of the pool."""
    rest = [link.op for link in chain.links[index + 1 :]]
    return "flatten" in rest and any(op not in ("flatten", "max_pool2d") for op in rest[rest.index("flatten") :])


def _code(graph: Graph, node: Node) -> Evaluate:
    """``quantize`` on candidates ``(K, C)``; one scale and bias for all channels fit any width. NaN stays."""
    scale, bias = (graph.array(node.tensors[role]) for role in ("scale", "bias"))
    if _uniform(graph, node):
        scale, bias = scale[:1], bias[:1]
    most = np.float32((1 << OPS["quantize"].complete(node.attrs)["activation_bits"]) - 1)

    def evaluate(x: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.asarray(np.clip(np.floor(x * scale + bias), np.float32(0), most), np.float32)

    return evaluate


def _uniform(graph: Graph, node: Node) -> bool:
    return all(bool((graph.array(key) == graph.array(key)[0]).all()) for key in node.tensors.values())
