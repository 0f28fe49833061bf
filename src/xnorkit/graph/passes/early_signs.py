"""Signs move before float max-pools, which then work on bits.

Sign does not decrease, so sign(max_i x_i) = max_i sign(x_i); a NaN wins a maximum and has sign +1, so it is no
exception. Behind a float stem this turns a pass over floats into one over bits, and the sign meets the convolution.

>>> from ..build import GraphBuilder
>>> b = GraphBuilder()
>>> pool = b.add("max_pool2d", b.input("x", "f32", (4, 4, 8)), kernel=(2, 2), stride=(2, 2))
>>> [(n.name, n.op) for n in signs_before_pools(b.graph([b.add("sign", pool, name="s")])).nodes]
[('x', 'input'), ('s.0', 'sign'), ('s', 'max_pool2d')]
"""

from __future__ import annotations

from ..ir import Graph, Node


def signs_before_pools(graph: Graph) -> Graph:
    """Swap every ``max_pool2d -> sign`` whose pool nobody else reads; the last node keeps the sign's name."""
    nodes: list[Node] = list(graph.nodes)
    swapped = True
    while swapped:  # a sign may pass several pools
        swapped = False
        by_name = {node.name: node for node in nodes}
        readers = [name for node in nodes for name in node.inputs] + list(graph.outputs)
        for index, sign in enumerate(nodes):
            pool = by_name[sign.inputs[0]] if sign.op == "sign" else None
            if pool is None or pool.op != "max_pool2d" or readers.count(pool.name) > 1:
                continue
            early = Node(f"{sign.name}.0", "sign", pool.inputs, source=sign.source)
            late = Node(sign.name, "max_pool2d", (early.name,), pool.attrs, source=pool.source)
            nodes[index : index + 1] = [early, late]
            nodes.remove(pool)
            swapped = True
            break
    return Graph(tuple(nodes), graph.outputs, graph.tensors, graph.meta)
