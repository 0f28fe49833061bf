"""The reference's backward of every op is the slope of the reference's own forward, measured by central differences.

Floats: all inputs and tensors move at once along a random direction, in float64, away from kinks and ties. Signs and
integers: each op that reads them is linear in every single one, so that the difference of two runs of the exact integer
forward is the derivative itself.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from op_cases import Array, op_case, op_runs

from xnorkit.reference import activations, norm
from xnorkit.reference.gradients import norm as norm_gradient
from xnorkit.reference.gradients.table import GRADIENTS

CONFIGURATIONS = 40
STEP = 1e-6
FEW_BITS = ("wconv2d", "wdense")
FLOATS = [name for name, dtype in op_runs() if dtype == "f32" and name in GRADIENTS and name not in FEW_BITS]
STORED = {"dense_bf16": ("weight",), "dense_i8": ("weight",)}
"""Tensors that hold no float32 and so stand still."""
INTEGERS = [(name, dtype) for name, dtype in op_runs() if name in ("bconv2d", "bdense", "qconv2d", "qdense", *FEW_BITS)]


def _smooth(rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    """Normal numbers, none within 0.01 of 0 or of 1 in magnitude."""
    x = rng.standard_normal(shape)
    near = (np.abs(x) < 0.01) | (np.abs(np.abs(x) - 1) < 0.01)
    return np.where(near, rng.uniform(0.1, 0.9, shape), x)


def slope(rng: np.random.Generator, cost: Callable[[list[Array]], float], at: list[Array], found: list[Array]) -> None:
    """The difference along a random direction is <found, direction>, within the noise of float64 over the step."""
    ways = [rng.standard_normal(a.shape) for a in at]
    ends = [cost([a + side * STEP * way for a, way in zip(at, ways, strict=True)]) for side in (1, -1)]
    parts = [f * way for f, way in zip(found, ways, strict=True)]
    got, scale = sum(float(p.sum()) for p in parts), sum(float(np.abs(p).sum()) for p in parts)
    assert abs(got - (ends[0] - ends[1]) / (2 * STEP)) <= 1e-6 * max(scale, 1.0)


@pytest.mark.parametrize("name", FLOATS)
def test_float_ops(name: str) -> None:
    """``sign`` has no slope of its own: its window is the slope of hardtanh."""
    for number in range(CONFIGURATIONS):
        case, rng = op_case(name, "f32", number), np.random.default_rng((number, 1))
        moving = {r: a.astype(np.float64) for r, a in case.tensors.items() if r not in STORED.get(name, ())}
        fixed = {r: a for r, a in case.tensors.items() if r not in moving}
        values = [_smooth(rng, v.shape) for v in case.values]
        count = len(values)

        def run(arrays: list[Array], name=name, case=case, fixed=fixed, moving=moving, count=count) -> Array:  # type: ignore[no-untyped-def]
            if name == "sign":
                return activations.hardtanh(arrays[0])
            return case.op.run(arrays[:count], case.attrs, fixed | dict(zip(moving, arrays[count:], strict=True)))

        at = [*values, *moving.values()]
        y = run(at)
        assert y.dtype == np.float64
        g = rng.standard_normal(y.shape)
        found, by_role = GRADIENTS[name](values, case.attrs, fixed | moving, g)
        slope(rng, lambda arrays, run=run, g=g: float((run(arrays) * g).sum()), at,  # type: ignore[misc]
              [*found, *(by_role[role] for role in moving)])  # fmt: skip


def _neighbours(value: np.generic, largest: int) -> tuple[int, int]:
    """One above and one below, within the range of its type; at the largest code the slope is the one from below."""
    if value.dtype == np.float32:
        return int(value) + 1, int(value) - 1
    return min(int(value) + 1, largest), max(int(value) - 1, 0 if value.dtype == np.uint8 else -largest)


@pytest.mark.parametrize(("name", "dtype"), INTEGERS)
def test_integer_ops(name: str, dtype: str) -> None:
    """(f(+1) - f(-1)) / 2 in one sign, (f(q + 1) - f(q - 1)) / 2 in one integer, summed against g."""
    for number in range(CONFIGURATIONS):
        case, rng = op_case(name, dtype, number), np.random.default_rng((number, 1))
        x, tensors = case.values[0].copy(), {role: t.copy() for role, t in case.tensors.items()}
        top = 2 ** case.attrs.get("activation_bits", 8) - 1
        g = rng.integers(-9, 10, case.op.run([x], case.attrs, tensors).shape)
        if dtype == "u8":
            x = np.minimum(x, top)
        elif dtype == "f32":
            x = rng.integers(-99, 100, x.shape).astype(np.float32)  # sums of integers and halves: exact in float32
        found, by_role = GRADIENTS[name]([x], case.attrs, tensors, g)
        dtypes = case.op.tensors["weight"].dtype, dtype
        for array, gradient, largest in ((x, found[0], top), (tensors["weight"], by_role["weight"], 127)):
            for _ in range(4):
                at = tuple(int(rng.integers(n)) for n in array.shape)
                kept = array[at]
                costs, ends = [], (1, -1) if dtypes[array is x] == "bits" else _neighbours(kept, largest)
                for end in ends:
                    array[at] = end
                    costs.append(float((case.op.run([x], case.attrs, tensors).astype(np.float64) * g).sum()))
                array[at] = kept
                assert gradient[at] == (costs[0] - costs[1]) / (ends[0] - ends[1]), (number, case.graph.nodes[-1])


@pytest.mark.parametrize("seed", range(CONFIGURATIONS))
def test_batch_norm_in_training(seed: int) -> None:
    rng = np.random.default_rng(seed)
    shape = tuple(int(v) for v in rng.integers((2, 1, 1, 1), (5, 6, 6, 9)))
    x, g = rng.standard_normal(shape) * 3 + 1, rng.standard_normal(shape)
    gamma, beta, eps = rng.standard_normal(shape[3]), rng.standard_normal(shape[3]), float(rng.choice([1e-3, 0.1]))
    zero, one = np.zeros(shape[3]), np.ones(shape[3])

    def cost(arrays: list[Array]) -> float:
        y, _, _ = norm.batch_norm_train(arrays[0], zero, one, *arrays[1:], eps, 0.1)
        return float((y * g).sum())

    slope(rng, cost, [x, gamma, beta], list(norm_gradient.batch_norm(x, gamma, eps, g)))


def test_every_backward_is_measured() -> None:
    assert {*FLOATS, *(name for name, _ in INTEGERS)} == set(GRADIENTS)
