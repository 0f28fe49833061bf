"""The reference's backward of every op: torch's autograd gives the same, and so do central differences, in float64."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from op_cases import Array, OpCase, op_case, op_runs
from torch_ops import TORCH

from xnorkit.errors import RangeError, ShapeError
from xnorkit.reference.gradients import norm
from xnorkit.reference.gradients.table import GRADIENTS, NO_GRADIENT
from xnorkit.reference.linear import bfloat16, from_bfloat16
from xnorkit.reference.ops import OPS

CONFIGURATIONS = 40
STEP = 1e-6
STAND_IN = {"sign": lambda x, a, t: x.clamp(-1, 1)}
"""What a straight-through gradient is the gradient of."""
RUNS = [(name, dtype) for name, dtype in op_runs() if name in GRADIENTS]


def test_every_op_has_a_backward_or_a_reason() -> None:
    assert not set(GRADIENTS) & set(NO_GRADIENT)
    assert set(GRADIENTS) | set(NO_GRADIENT) == set(OPS)


@dataclass
class Problem:
    """C = <g, f(values, tensors)>, with real numbers for everything that is differentiated."""

    case: OpCase
    values: list[Array]
    tensors: dict[str, Array]
    g: Array

    def cost(self, leaves: list[torch.Tensor]) -> torch.Tensor:
        values, roles = leaves[: len(self.values)], leaves[len(self.values) :]
        named = dict(zip(self.tensors, roles, strict=True))
        if "flip" in self.case.tensors:
            named["flip"] = torch.from_numpy(self.case.tensors["flip"].astype(np.float64))
        if len(values) == 2:
            named["second"] = values[1]
        attrs = self.case.attrs | {"codes": self.case.values[0].dtype == np.uint8}
        y = {**TORCH, **STAND_IN}[self.case.op.name](values[0].permute(0, 3, 1, 2), attrs, named)
        return (y.permute(0, 2, 3, 1) * torch.from_numpy(self.g)).sum()

    def leaves(self, arrays: list[Array]) -> list[torch.Tensor]:
        return [torch.tensor(a, dtype=torch.float64, requires_grad=True) for a in arrays]

    def arrays(self) -> list[Array]:
        return [*self.values, *self.tensors.values()]

    def backward(self) -> list[Array]:
        """The reference's, in the order of ``arrays``; stored forms (bfloat16, uint8 codes) as the op has them."""
        stored = {role: array.astype(np.float64) for role, array in self.case.tensors.items()} | self.tensors
        if self.case.op.name == "dense_bf16":
            stored["weight"] = self.case.tensors["weight"]
        codes = self.case.values[0].dtype == np.uint8 and "activation_levels" in self.case.attrs
        inputs = [v.astype(np.uint8) for v in self.values] if codes else self.values
        found, tensors = GRADIENTS[self.case.op.name](inputs, self.case.attrs, stored, self.g)
        assert set(tensors) == set(self.tensors)
        return [*found, *(tensors[role] for role in self.tensors)]


def problem(name: str, dtype: str, number: int, *, smooth: bool) -> Problem:
    """The op's case of that number; ``smooth``: away from kinks and ties, where differences mean something."""
    case = op_case(name, dtype, number)
    rng = np.random.default_rng(number)
    tensors = {role: array.astype(np.float64) for role, array in case.tensors.items() if role != "flip"}
    if name == "dense_bf16":
        tensors["weight"] = from_bfloat16(case.tensors["weight"]).astype(np.float64)
    values = [v.astype(np.float64) for v in case.values]
    if smooth and not ("activation_levels" in case.attrs and dtype == "u8"):
        values = [_smooth(rng, v.shape) for v in values]
    shape = case.op.run(case.values, case.attrs, case.tensors).shape
    return Problem(case, values, tensors, rng.standard_normal(shape))


def _smooth(rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    """Normal numbers, none within 0.01 of 0 or of 1 in magnitude."""
    x = rng.standard_normal(shape)
    near = (np.abs(x) < 0.01) | (np.abs(np.abs(x) - 1) < 0.01)
    return np.where(near, rng.uniform(0.1, 0.9, shape), x)


@pytest.mark.parametrize(("name", "dtype"), RUNS)
def test_backward_is_autograds(name: str, dtype: str) -> None:
    for number in range(CONFIGURATIONS):
        this = problem(name, dtype, number, smooth=False)
        leaves = this.leaves(this.arrays())
        this.cost(leaves).backward()
        for got, leaf in zip(this.backward(), leaves, strict=True):
            expected = np.zeros(leaf.shape) if leaf.grad is None else leaf.grad.numpy()
            np.testing.assert_allclose(got, expected, rtol=1e-9, atol=1e-9 * max(1.0, np.abs(expected).max()))


@pytest.mark.parametrize(("name", "dtype"), RUNS)
def test_backward_is_the_central_difference(name: str, dtype: str) -> None:
    """Along one random direction of all inputs and tensors at once; uint8 codes, being integers, stay."""
    for number in range(CONFIGURATIONS):
        this = problem(name, dtype, number, smooth=True)
        rng = np.random.default_rng((number, 1))
        arrays = this.arrays()
        still = 1 if dtype == "u8" and "activation_levels" in this.case.attrs else 0
        ways = [rng.standard_normal(a.shape) * (i >= still) for i, a in enumerate(arrays)]
        if name == "dense_bf16":  # the reference reads the stored weight, the difference its exact value
            np.testing.assert_array_equal(from_bfloat16(bfloat16(this.tensors["weight"].astype(np.float32))), arrays[1])
        with torch.no_grad():
            ends = [float(this.cost(this.leaves([a + side * STEP * way for a, way in zip(arrays, ways, strict=True)])))
                    for side in (1, -1)]  # fmt: skip
        got = sum(float((found * way).sum()) for found, way in zip(this.backward(), ways, strict=True))
        scale = sum(float(np.abs(found * way).sum()) for found, way in zip(this.backward(), ways, strict=True))
        assert abs(got - (ends[0] - ends[1]) / (2 * STEP)) <= 1e-6 * scale + 1e-4, this.case.graph.nodes[-1]


def _batch_norm(x: torch.Tensor, gamma: torch.Tensor, beta: torch.Tensor, eps: float) -> torch.Tensor:
    return F.batch_norm(x.permute(0, 3, 1, 2), None, None, gamma, beta, True, 0.1, eps).permute(0, 2, 3, 1)


@pytest.mark.parametrize("seed", range(CONFIGURATIONS))
def test_batch_norm_backward_is_autograds(seed: int) -> None:
    rng = np.random.default_rng(seed)
    shape: Any = tuple(int(v) for v in rng.integers((2, 1, 1, 1), (5, 6, 6, 9)))
    x, g = rng.standard_normal(shape) * 3 + 1, rng.standard_normal(shape)
    gamma, beta, eps = (
        rng.standard_normal(shape[3]),
        rng.standard_normal(shape[3]),
        float(rng.choice([1e-5, 1e-3, 0.1])),
    )
    leaves = [torch.tensor(a, requires_grad=True) for a in (x, gamma, beta)]
    (_batch_norm(*leaves, eps) * torch.from_numpy(g)).sum().backward()
    found = norm.batch_norm(x, gamma, eps, g)
    for got, leaf in zip(found, leaves, strict=True):
        np.testing.assert_allclose(got, leaf.grad.numpy(), rtol=1e-8, atol=1e-10)
    ways = [rng.standard_normal(a.shape) for a in (x, gamma, beta)]
    ends = []
    for side in (STEP, -STEP):
        moved = [torch.from_numpy(a + side * way) for a, way in zip((x, gamma, beta), ways, strict=True)]
        ends.append(float((_batch_norm(*moved, eps) * torch.from_numpy(g)).sum()))
    assert sum((f * w).sum() for f, w in zip(found, ways, strict=True)) == pytest.approx(
        (ends[0] - ends[1]) / (2 * STEP), rel=1e-5, abs=1e-5
    )


def test_backward_refuses_what_does_not_fit() -> None:
    x, w = np.ones((1, 3, 3, 2)), np.ones((4, 2, 2, 2))
    attrs = OPS["conv2d"].complete({"out_channels": 4, "kernel": (2, 2)})
    with pytest.raises(ShapeError, match=r"gradient: got \(1, 3, 3, 4\), expected \(1, 2, 2, 4\)"):
        GRADIENTS["conv2d"]((x,), attrs, {"weight": w}, np.ones((1, 3, 3, 4)))
    with pytest.raises(RangeError, match="at least 2 to train"):
        norm.batch_norm(np.ones((1, 1, 1, 2)), np.ones(2), 1e-5, np.ones((1, 1, 1, 2)))
    with pytest.raises(RangeError, match=r"var \+ eps"):
        norm.batch_norm(np.ones((2, 1, 1, 1)), np.ones(1), 0.0, np.ones((2, 1, 1, 1)))
