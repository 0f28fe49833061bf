"""Random valid graphs over the whole op table, from one source of randomness (hypothesis' or a seeded one)."""

from __future__ import annotations

from random import Random
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xnorkit.errors import GraphError, LimitError, ShapeError
from xnorkit.graph.build import GraphBuilder
from xnorkit.graph.ir import Graph
from xnorkit.reference.linear import bfloat16
from xnorkit.reference.ops import OPS, Attr, Op, TensorSpec
from xnorkit.reference.shapes import TensorType

MAY_NOT_FIT = {"bad_shape", "limit"}
SMALL = {"kernel": 3, "stride": 3, "dilation": 2, "padding": 2, "groups": 3, "out_channels": 9, "out_features": 9}


def random_graph(rng: Random, steps: int = 8) -> Graph:
    """Up to ``steps`` nodes after one or two inputs; one or two outputs; every tensor filled with legal values."""
    builder = GraphBuilder()
    values = [builder.input(f"in{i}", rng.choice(["u8", "f32"]), _shape(rng)) for i in range(rng.randint(1, 2))]
    for _ in range(steps):
        rows = [row for row in OPS.values() if row.accepts and _inputs(rng, row, builder, values)]
        row = rng.choice(rows)
        name = _add(rng, builder, row, values)
        values += [name] if name else []
    outputs = rng.sample(values, min(len(values), rng.randint(1, 2)))
    return builder.graph(outputs, {f"key {i}": "wörd\n" * rng.randint(0, 3) for i in range(rng.randint(0, 2))})


def _add(rng: Random, builder: GraphBuilder, row: Op, values: list[str]) -> str | None:
    inputs = _inputs(rng, row, builder, values)
    if not inputs:  # another first input than the one that was found fitting
        return None
    types = tuple(builder.type(name) for name in inputs)
    attrs = {
        name: _attr(rng, name, spec) for name, spec in row.attrs.items() if spec.default is None or rng.random() < 0.6
    }
    try:
        complete = row.complete(attrs)
        row.infer(types, complete)
        roles = {r: s for r, s in row.tensors.items() if not s.optional or (rng.random() < 0.5 and _fits(r, types))}
        tensors = {role: tensor(rng, spec, types, complete) for role, spec in roles.items()}
        return builder.add(row.name, *inputs, source=rng.choice(["", "net.0"]), tensors=tensors, **attrs)
    except (ShapeError, LimitError):
        return None
    except GraphError as error:
        if error.reason not in MAY_NOT_FIT:
            raise
        return None


def _fits(role: str, types: tuple[TensorType, ...]) -> bool:
    return role != "flip" or types[0].dtype == "bits"


def _shape(rng: Random) -> tuple[int, int, int]:
    side = 1 if rng.random() < 0.25 else 7  # vectors often enough for dense layers
    return rng.randint(1, side), rng.randint(1, side), rng.choice([1, 2, 3, 6, 8, 9])


def _inputs(rng: Random, row: Op, builder: GraphBuilder, values: list[str]) -> list[str]:
    """One value per input of the row, or [] when none fits; a second has the first's type, a factor its pixels."""
    found: list[str] = []
    for accepted in row.accepts:
        fitting = [v for v in values if builder.type(v).dtype in accepted]
        if found and row.name == "scale_map":
            fitting = [v for v in fitting if builder.type(v).shape == (*builder.type(found[0]).shape[:2], 1)]
        elif found and row.name == "scale_channels":
            fitting = [v for v in fitting if builder.type(v).shape == (1, 1, builder.type(found[0]).shape[2])]
        elif found:
            fitting = [v for v in fitting if builder.type(v) == builder.type(found[0])]
        if not fitting:
            return []
        found.append(rng.choice(fitting))
    return found


def _attr(rng: Random, name: str, spec: Attr) -> Any:
    if spec.kind == "bool":
        return rng.random() < 0.5
    if spec.kind == "choice":
        return rng.choice(spec.choices)
    high = min(spec.high, SMALL.get(name, 3))
    if spec.kind == "int":
        return rng.randint(spec.low, high)
    return tuple(rng.randint(spec.low, high) for _ in range(int(spec.kind[-1])))


def tensor(rng: Random, spec: TensorSpec, types: tuple[TensorType, ...], attrs: dict[str, Any]) -> NDArray[Any]:
    """Legal random values: bits by meaning, int8 without -128, any int32, any finite float."""
    shape = spec.shape(types, attrs)
    generator = np.random.default_rng(rng.getrandbits(32))
    if spec.dtype == "bits":
        return generator.choice(np.array([-1, 1], np.int8), shape)
    if spec.dtype == "i8":
        return generator.integers(-127, 128, shape, dtype=np.int8)
    if spec.dtype == "i32":
        return generator.integers(-(2**31), 2**31, shape, dtype=np.int32)
    values = generator.normal(size=shape).astype(np.float32)
    return bfloat16(values) if spec.dtype == "bf16" else values
