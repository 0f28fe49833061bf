"""The rows of the engine run what they say: each instruction set its own kernel, epilogues fused, none forgotten."""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest
from cases import case
from chains import HEADS, chain_case
from form_nets import hashed_net, vector_net
from implementations import IMPLEMENTATIONS, ISA_FLAGS, cpu_flags, layer_graph
from op_cases import op_case, op_runs

from xnorkit.graph.ir import Graph
from xnorkit.runtime import cpu
from xnorkit.runtime.session import Session

LEVELS = [level for level in cpu.levels() if level == "scalar" or ISA_FLAGS[level] in cpu_flags()]
"""Instruction sets this CPU has, by the kernel's list of flags and not by the engine's."""

BIT_SLICED = {"popcnt": "scalar", "avx512bw": "avx2", "avx512vpopcnt": "avx2"}
"""Level -> whose kernel counts groups of few channels there: portable words below AVX2, those of AVX2 above it."""


def test_the_engine_sees_the_same_cpu() -> None:
    assert cpu.isa() == LEVELS[-1]


def test_every_level_has_a_row() -> None:
    assert {f"engine {level}" for level in cpu.levels()} <= {row.name for row in IMPLEMENTATIONS}


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("number", range(0, 64))
def test_a_level_runs_its_own_binary_kernel(level: str, number: int) -> None:
    session = Session(layer_graph(case(number)), isa=level)
    (name,) = [step["kernel"] for step in session.program.steps if step["op"] == case(number).op]
    assert name.startswith(("bdepth_", "bgemm_"))
    own = BIT_SLICED.get(level, level) if name.startswith("bdepth_") else level
    assert name.endswith(f"_{own}")


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("epilogue", ["threshold", "affine"])
def test_an_epilogue_is_part_of_its_layer(level: str, epilogue: str) -> None:
    graph = layer_graph(case(0), epilogue)
    fused, unfused = Session(graph, isa=level), Session(graph, isa=level, fuse=False)
    assert max(len(step["values"]) for step in fused.program.steps) == 2
    assert len(unfused.program.steps) == len(fused.program.steps) + 1


def test_no_kernel_is_unproved() -> None:
    """Every kernel that can run here is chosen by some case of this suite."""
    graphs = [layer_graph(case(number)) for number in range(64)]
    graphs += [chain_case(head, number).graph for head in HEADS for number in range(2)]
    graphs += [op_case(*run, number).graph for run in op_runs() for number in range(6)]
    proved: set[str] = set()
    for graph, level, fuse in product(graphs, LEVELS, (True, False)):
        steps = Session(graph, isa=level, fuse=fuse).program.steps
        proved |= {name for step in steps for name in step["kernel"].split(" + ")}
    formed: list[tuple[Graph, dict[str, Any]]] = [(vector_net(), {}), (hashed_net(), {"memory_budget": 400_000})]
    for (graph, options), level in product(formed, LEVELS):
        proved |= {step["kernel"] for step in Session(graph, isa=level, **options).program.steps}
    assert {row["name"] for row in cpu.kernels() if row["runs_here"]} <= proved
