"""Random graphs over the whole op table: engine and reference agree at every value.

Each value the engine computed is compared with the op table's function *of the engine's own inputs*, so that exact ops
must be equal bit for bit even behind inexact ones. Then memory reuse and fusion: without taps, nothing changes.
"""

from __future__ import annotations

from random import Random
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from random_graphs import random_graph

from xnorkit.graph.ir import Graph
from xnorkit.graph.passes.chain import tensors_by_meaning
from xnorkit.reference.ops import OPS
from xnorkit.runtime.session import Session

Array = NDArray[Any]
GRAPHS_PER_CASE = 25


def inputs_of(graph: Graph, batch: int, seed: int) -> dict[str, Array]:
    rng = np.random.default_rng(seed)
    found: dict[str, Array] = {}
    for node in graph.nodes:
        if node.op == "input":
            shape = (batch, *node.attrs["shape"])
            pixels = node.attrs["dtype"] == "u8"
            found[node.name] = rng.integers(0, 256, shape, np.uint8) if pixels else rng.normal(size=shape).astype("f4")
    return found


def ulps(a: Array, b: Array) -> int:
    line = [np.where((i := v.view(np.int32).astype(np.int64)) < 0, -(2**31) - i, i) for v in (a, b)]
    far = np.where(np.isnan(a) & np.isnan(b), 0, np.abs(line[0] - line[1]))
    return int(far.max(initial=0))


def check_values(graph: Graph, session: Session, seen: dict[str, Array], batch: int) -> None:
    types = session.output_types
    full = {name: value.reshape(batch, *types[name].shape) for name, value in seen.items()}
    for node in graph.nodes:
        if node.op == "input":
            continue
        row = OPS[node.op]
        with np.errstate(all="ignore"):
            law = row.run(
                [full[i] for i in node.inputs], row.complete(node.attrs), tensors_by_meaning(graph, node, types)
            )
        assert law.dtype == full[node.name].dtype
        if row.exact:
            np.testing.assert_array_equal(full[node.name], law, err_msg=str(node))
        else:
            assert ulps(full[node.name], law) <= row.ulps, node


@pytest.mark.parametrize("case", range(12))
def test_engine_agrees_with_the_law_at_every_value(case: int) -> None:
    for number in range(GRAPHS_PER_CASE):
        rng = Random(1000 * case + number)
        graph, batch = random_graph(rng, steps=rng.randint(1, 20)), rng.choice([1, 2, 5])
        x = inputs_of(graph, batch, seed=number)
        session = Session(graph, taps=tuple(node.name for node in graph.nodes), isa=rng.choice(["", "scalar"]))
        seen = session(x)
        check_values(graph, session, seen, batch)
        for options in ({"threads": 3}, {"fuse": False}):
            alone = Session(graph, **options)(x)  # type: ignore[arg-type]
            for name, value in (alone if isinstance(alone, dict) else {graph.outputs[0]: alone}).items():
                np.testing.assert_array_equal(value, seen[name], err_msg=f"{name} {options}")
