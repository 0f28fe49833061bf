"""What the engine fuses behind a layer has the bits of the nodes it replaces, on every instruction set."""

from __future__ import annotations

import numpy as np
import pytest
from chains import HEADS, chain_case
from test_conformance_kernels import LEVELS

from xnorkit.runtime.session import Session

CASES = 40


@pytest.mark.parametrize("head", HEADS)
def test_chains_equal_the_law(head: str) -> None:
    for number in range(CASES):
        case = chain_case(head, number)
        names = case.graph.outputs
        law = Session(case.graph, taps=names, backend="reference")(case.x)
        for level in LEVELS:
            got = Session(case.graph, taps=names, isa=level)(case.x, threads=1 + number % 3)
            for name in names:
                np.testing.assert_array_equal(
                    got[name], law[name], err_msg=f"case {number} {level} {name} {case.links}"
                )


@pytest.mark.parametrize("head", HEADS)
def test_a_chain_is_one_step(head: str) -> None:
    """Without a tap in the middle or a late factor, all behind the second layer is computed by that layer's step."""
    case = next(
        c
        for c in (chain_case(head, n) for n in range(3 * CASES))
        if len(c.links) > 2 and len(c.graph.outputs) == 1 and sum(n.op == "kmap" for n in c.graph.nodes) == 1
    )
    program = Session(case.graph).program
    assert program is not None
    last = program.steps[-1]
    assert len(last["values"]) >= len(case.links) + 1 and " + chain_f32" in last["kernel"]
