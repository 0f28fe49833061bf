"""The reference's backward of every op and of batch norm: torch's autograd gives the same, in float64."""

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
from xnorkit.reference import norm as forward
from xnorkit.reference.gradients import norm
from xnorkit.reference.gradients.table import GRADIENTS, NO_GRADIENT
from xnorkit.reference.linear import from_bfloat16
from xnorkit.reference.ops import OPS

CONFIGURATIONS = 40
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


def problem(name: str, dtype: str, number: int) -> Problem:
    """The op's case of that number."""
    case = op_case(name, dtype, number)
    tensors = {role: array.astype(np.float64) for role, array in case.tensors.items() if role != "flip"}
    if name == "dense_bf16":
        tensors["weight"] = from_bfloat16(case.tensors["weight"]).astype(np.float64)
    shape = case.op.run(case.values, case.attrs, case.tensors).shape
    values = [v.astype(np.float64) for v in case.values]
    return Problem(case, values, tensors, np.random.default_rng(number).standard_normal(shape))


@pytest.mark.parametrize(("name", "dtype"), RUNS)
def test_backward_is_autograds(name: str, dtype: str) -> None:
    for number in range(CONFIGURATIONS):
        this = problem(name, dtype, number)
        leaves = this.leaves(this.arrays())
        this.cost(leaves).backward()
        for got, leaf in zip(this.backward(), leaves, strict=True):
            expected = np.zeros(leaf.shape) if leaf.grad is None else leaf.grad.numpy()
            np.testing.assert_allclose(got, expected, rtol=1e-9, atol=1e-9 * max(1.0, np.abs(expected).max()))


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


@pytest.mark.parametrize("seed", range(CONFIGURATIONS))
def test_batch_norm_forward_and_running_statistics_are_torchs(seed: int) -> None:
    rng = np.random.default_rng((seed, 2))
    shape: Any = tuple(int(v) for v in rng.integers((2, 1, 1, 1), (5, 6, 6, 9)))
    x = rng.standard_normal(shape) * 10.0 ** rng.integers(-3, 3) + rng.normal(0, 100)
    gamma, beta, mean = rng.standard_normal((3, shape[3]))
    var, eps, momentum = rng.uniform(0.1, 4, shape[3]), float(rng.choice([1e-5, 1e-3, 0.1])), float(rng.uniform())
    running = [torch.from_numpy(mean.copy()), torch.from_numpy(var.copy())]
    wide = torch.from_numpy(x).permute(0, 3, 1, 2)
    y = F.batch_norm(wide, *running, torch.from_numpy(gamma), torch.from_numpy(beta), True, momentum, eps)
    got = forward.batch_norm_train(x, mean, var, gamma, beta, eps, momentum)
    for found, expected in zip(got, (y.permute(0, 2, 3, 1), *running), strict=True):
        assert found.dtype == np.float64
        np.testing.assert_allclose(found, expected.numpy(), rtol=1e-8, atol=1e-9)
    y = F.batch_norm(wide, torch.from_numpy(mean), torch.from_numpy(var), torch.from_numpy(gamma),
                     torch.from_numpy(beta), False, 0.0, eps)  # fmt: skip
    found = forward.batch_norm(x, mean, var, gamma, beta, eps)
    np.testing.assert_allclose(found, y.permute(0, 2, 3, 1).numpy(), rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("name", ["relu", "prelu", "hardtanh", "sign", "kmap", "max_pool2d"])
def test_kinks_and_ties_are_torchs(name: str) -> None:
    """Nothing but -1, 0 and +1: every value is a kink or has an equal in its window."""
    for number in range(CONFIGURATIONS):
        this = problem(name, "f32", number)
        this.values = [np.random.default_rng(number).choice([-1.0, -0.0, 0.0, 1.0], this.values[0].shape)]
        leaves = this.leaves(this.arrays())
        this.cost(leaves).backward()
        for got, leaf in zip(this.backward(), leaves, strict=True):
            np.testing.assert_allclose(got, leaf.grad.numpy(), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize(("name", "dtype"), RUNS)
def test_backward_refuses_what_does_not_fit(name: str, dtype: str) -> None:
    """A gradient that would broadcast, an input or tensor too many; what fits gives arrays of the caller's own."""
    this = problem(name, dtype, 1)
    tensors = this.case.tensors
    row, attrs = GRADIENTS[name], this.case.attrs
    for shape in ((1, 1, 1, 1), (1, *this.g.shape), (*this.g.shape[:3], this.g.shape[3] + 1)):
        if shape != this.g.shape:
            with pytest.raises(ShapeError, match=rf"^\[{name}\] gradient: got "):
                row(this.case.values, attrs, tensors, np.ones(shape))
    with pytest.raises(ShapeError, match=f"inputs: got {len(this.values) + 1}"):
        row([*this.case.values, this.case.values[0]], attrs, tensors, this.g)
    with pytest.raises(ShapeError, match="tensors: got"):
        row(this.case.values, attrs, tensors | {"another": np.ones(1)}, this.g)
    for role, tensor in tensors.items():
        with pytest.raises(ShapeError, match=rf"^\[{name}\] {role}: got "):
            row(this.case.values, attrs, tensors | {role: tensor[..., None]}, this.g)
    found, by_role = row(this.case.values, attrs, tensors, this.g.astype(np.float32))
    arrays = [*found, *by_role.values()]
    assert all(a.dtype == np.float64 and a.flags.writeable and a.base is None for a in arrays)
    assert len({id(a) for a in arrays}) == len(arrays)


def test_a_missing_tensor_is_named() -> None:
    with pytest.raises(ShapeError, match=r"tensors: got \[\], expected \['slope'\]"):
        GRADIENTS["prelu"]((np.ones((1, 1, 1, 1)),), {}, {}, np.ones((1, 1, 1, 1)))


def test_the_window_of_sign_is_a_parameter() -> None:
    x, g = np.array([[[[-1.0, 0.5, 1.0, 1.2]]]]), np.ones((1, 1, 1, 4))
    for attrs, expected in (({}, [1, 1, 1, 0]), ({"strict": True}, [0, 1, 0, 0]), ({"window": 0.4}, [0, 0, 0, 0]),
                            ({"window": 1.25}, [1, 1, 1, 1]), ({"window": None}, [1, 1, 1, 1])):  # fmt: skip
        assert GRADIENTS["sign"]((x,), attrs, {}, g)[0][0].ravel().tolist() == expected
    with pytest.raises(RangeError, match="window: got -1"):
        GRADIENTS["sign"]((x,), {"window": -1}, {}, g)


def test_a_pool_hands_its_gradient_to_nan_and_to_the_lowest() -> None:
    """As the forward has it: NaN wins; -inf, though as low as padding, wins where nothing else is read."""
    attrs = OPS["max_pool2d"].complete({"kernel": (2, 2), "stride": (2, 2), "padding": (1, 1, 1, 1)})
    for x in (np.full((1, 2, 2, 1), -np.inf), np.array([np.nan, -1, np.nan, 2]).reshape(1, 2, 2, 1)):
        leaf = torch.tensor(x, requires_grad=True)
        g = np.arange(1.0, 5).reshape(1, 2, 2, 1)
        (F.max_pool2d(leaf.permute(0, 3, 1, 2), 2, 2, 1).permute(0, 2, 3, 1) * torch.from_numpy(g)).sum().backward()
        np.testing.assert_array_equal(GRADIENTS["max_pool2d"]((x,), attrs, {}, g)[0][0], leaf.grad.numpy())
    x = np.array([np.nan, 3, np.nan, 1]).reshape(1, 2, 2, 1)
    attrs = OPS["max_pool2d"].complete({"kernel": (2, 2)})
    leaf = torch.tensor(x, requires_grad=True)
    F.max_pool2d(leaf.permute(0, 3, 1, 2), 2).sum().backward()
    np.testing.assert_array_equal(GRADIENTS["max_pool2d"]((x,), attrs, {}, np.ones((1, 1, 1, 1)))[0][0], leaf.grad)


ONE, TWO = np.ones(1), np.ones((2, 1, 1, 1))


@pytest.mark.parametrize(("x", "gamma", "eps", "message"), [
    (TWO[:1], ONE, 1e-5, "at least 2 to train"),
    (TWO, ONE, 0.0, r"var \+ eps: got 0.0"),
    (TWO, ONE, -1.0, r"var \+ eps: got -1.0"),
    (TWO * np.nan, ONE, 1e-5, "x: got NaN"),
    (TWO, ONE * np.inf, 1e-5, "gamma: got NaN or infinity"),
])  # fmt: skip
def test_batch_norm_refuses(x: Array, gamma: Array, eps: float, message: str) -> None:
    with pytest.raises(RangeError, match=message):
        norm.batch_norm(x, gamma, eps, np.ones_like(x))
