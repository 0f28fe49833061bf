"""A random graph for any row of the op table: an input, what it takes to reach the row's element type, the op.

Drawn from the row itself (its attributes, tensors, accepted types), so that a new row is covered without a line here
unless it has an attribute of a new name.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xnorkit.graph.build import GraphBuilder
from xnorkit.graph.ir import Graph
from xnorkit.reference import kmap, pooling, thresholds
from xnorkit.reference.conventions import sign
from xnorkit.reference.linear import bfloat16
from xnorkit.reference.ops import OPS, Op, TensorSpec

Array = NDArray[Any]
SEED = 19431204


def op_runs() -> list[tuple[str, str]]:
    """(op, element type of its inputs) for every type a row accepts."""
    return [(op.name, dtype) for op in OPS.values() for dtype in sorted(op.accepts[0] if op.accepts else ("f32", "u8"))]


@dataclass(frozen=True)
class OpCase:
    """One run of an op: ``values`` are its inputs by meaning, ``graph`` on ``x`` the same from a graph input."""

    op: Op
    attrs: dict[str, Any]
    tensors: dict[str, Array]
    values: tuple[Array, ...]
    graph: Graph
    x: Array


def op_case(name: str, dtype: str, number: int) -> OpCase:
    """The case of that number, the same on every machine."""
    op, rng = OPS[name], np.random.default_rng((SEED, *name.encode(), *dtype.encode(), number))
    channels = int(rng.choice((1, 3, 7, 8, 9, 16, 31, 32, 33, 64, 70)))
    attrs, size = _attributes(op, rng, channels)
    if dtype == "f32" and "planes" in op.attrs:  # floats have no codes
        attrs = {k: v for k, v in attrs.items() if not k.startswith("activation")}
    shape = (*size, channels)
    stored = {"bits": "f32", "i32": "u8"}.get(dtype, dtype)
    x = _input(rng, (int(rng.integers(1, 4)), *shape), stored)
    b = GraphBuilder()
    node, value = b.input("x", stored, shape), x
    if not op.accepts:
        return OpCase(op, {"dtype": stored, "shape": shape}, {}, (x,), b.graph([node]), x)
    if dtype == "bits":
        node, value = b.add("sign", node), sign(x)
    if dtype == "i32":  # one weight a channel: the identity convolution, scaled
        w = rng.integers(-127, 128, (channels, 1, 1, 1)).astype(np.int8)
        node = b.add("qconv2d", node, out_channels=channels, kernel=(1, 1), groups=channels, tensors={"weight": w})
        value = x.astype(np.int32) * w.reshape(-1)
    nodes, values = [node], [value]
    if name == "scale_map":  # the second input is a map of one channel
        ones = {"scale": np.ones(channels, np.float32), "bias": np.zeros(channels, np.float32)}
        source = b.add("affine", "x", tensors=ones)
        nodes, values = [node, b.add("kmap", source, kernel=(1, 1))], [value, kmap.abs_mean(x.astype(np.float32))]
    elif name == "scale_channels":  # one number a channel
        nodes, values = [node, b.add("global_avg_pool2d", node)], [value, pooling.global_avg_pool2d(value)]
    elif len(op.accepts) == 2 and dtype == "f32":
        nodes, values = [node, b.add("relu", node)], [value, np.maximum(value, np.float32(0))]
    elif len(op.accepts) == 2:
        nodes, values = [node, b.add("max_pool2d", node, kernel=(1, 1))], [value, value]
    types, complete = tuple(b.type(i) for i in nodes), op.complete(attrs)
    tensors = {
        role: _tensor(rng, spec, spec.shape(types, complete))
        for role, spec in op.tensors.items()
        if not spec.optional or (rng.random() < 0.5 and (role != "flip" or dtype == "bits"))
    }
    graph = b.graph([b.add(name, *nodes, tensors=tensors, **attrs)])
    return OpCase(op, complete, tensors, tuple(values), graph, x)


def _attributes(op: Op, rng: np.random.Generator, channels: int) -> tuple[dict[str, Any], tuple[int, int]]:
    """Attributes of a row, and a spatial size that its window fits."""
    pair = lambda high: (int(rng.integers(1, high + 1)), int(rng.integers(1, high + 1)))  # noqa: E731
    groups = int(rng.choice([g for g in (1, 1, 2, 4, channels) if channels % g == 0]))
    kernel = pair(4)
    dilation = pair(2) if "dilation" in op.attrs else (1, 1)
    spans = [d * (k - 1) + 1 for d, k in zip(dilation, kernel, strict=True)]
    most = kernel if "dilation" not in op.attrs else (spans[0] + 1, spans[1] + 1)  # a pool pads less than its kernel
    padding = tuple(int(rng.integers(0, most[side % 2])) if rng.random() < 0.6 else 0 for side in range(4))
    drawn = {
        "kernel": kernel,
        "stride": pair(3),
        "padding": padding,
        "dilation": dilation,
        "groups": groups,
        "out_channels": groups * int(rng.integers(1, max(2, 80 // groups))),
        "out_features": int(rng.integers(1, 140)),
        "pad_value": int(rng.choice((0, 1, -1))),
        "count_include_pad": bool(rng.integers(2)),
    }
    if "activation_bits" in op.attrs:
        drawn["activation_bits"] = int(rng.integers(1, 9))
    if "planes" in op.attrs:
        drawn["levels"] = str(rng.choice(("sum", "sum", "ternary")))
        drawn["planes"] = 2 if drawn["levels"] == "ternary" else int(rng.integers(1, 5))
        drawn["activation_levels"] = str(rng.choice(("unsigned", "signed")))
    if "segment" in op.attrs:
        drawn["segment"] = int(rng.choice([0, *(d for d in range(1, channels + 1) if channels % d == 0)]))
        if op.name == "conv2d" and rng.random() < 0.7:  # segments are of kernels of one pixel
            drawn["segment"] = 0
        elif op.name == "conv2d":
            drawn |= {"kernel": (1, 1), "stride": (1, 1), "padding": (0, 0, 0, 0), "dilation": (1, 1), "groups": 1}
            spans, padding = [1, 1], (0, 0, 0, 0)
    if "out_features" in op.attrs:
        return {name: drawn[name] for name in op.attrs}, (1, 1)
    if op.name == "pick_channels":
        count = int(rng.integers(1, channels + 1))
        groups = int(rng.choice([g for g in range(1, count + 1) if count % g == 0]))
        begin = int(rng.integers(0, channels - count + 1))
        return {"begin": begin, "out_channels": count, "groups": groups}, (int(rng.integers(1, 7)), 3)
    least = [max(1, spans[axis] - padding[axis] - padding[axis + 2]) for axis in range(2)]
    size = (least[0] + int(rng.integers(0, 6)), least[1] + int(rng.integers(0, 6)))
    return {name: drawn[name] for name in op.attrs if name not in ("dtype", "shape")}, size


def _input(rng: np.random.Generator, shape: tuple[int, ...], dtype: str) -> Array:
    if dtype == "u8":
        return rng.integers(0, 256, shape, dtype=np.uint8)
    x = rng.standard_normal(shape) * 10.0 ** rng.integers(-3, 3, shape)
    x[rng.random(shape) < 0.05] = 0.0
    x[rng.random(shape) < 0.05] = -0.0
    return x.astype(np.float32)


def _tensor(rng: np.random.Generator, spec: TensorSpec, shape: tuple[int, ...]) -> Array:
    if spec.dtype == "bits":
        return (1 - 2 * rng.integers(0, 2, shape)).astype(np.int8)
    if spec.dtype == "i8":
        return rng.integers(-127, 128, shape).astype(np.int8)
    if spec.dtype == "bf16":
        return bfloat16(rng.standard_normal(shape).astype(np.float32))
    if spec.dtype == "i32":
        t = rng.integers(-20_000, 20_000, shape).astype(np.int32)
        t[rng.random(shape) < 0.1] = thresholds.NEVER_BELOW
        return t
    return rng.standard_normal(shape).astype(np.float32)
