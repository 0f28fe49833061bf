"""Optimizers: each row against its NumPy law over many steps, and how parameters are dealt to them."""

from __future__ import annotations

import io
import json
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from xnorkit.errors import RangeError, RecipeError
from xnorkit.models import create_model
from xnorkit.nn import SCHEMES, BinaryConv2d, BinaryLinear, FewBitConv2d, clip_weights_, latent_weights
from xnorkit.reference import optimizers as law
from xnorkit.train import optim
from xnorkit.train.optim import Bop, Grouped, ShiftAdaMax, set_factor
from xnorkit.train.optim.groups import LR_SCALES
from xnorkit.train.options import BinaryOptions, OptimOptions
from xnorkit.train.recipe import Recipe, override

STEPS = 60
BOP = BinaryOptions(name="bop", lr=1e-2, threshold=1e-4)


def gradients(shape: tuple[int, ...], seed: int = 0) -> list[np.ndarray]:
    """Gradients with a drift, noise of many sizes, and a weight that never gets one."""
    rng = np.random.default_rng(seed)
    drift = rng.normal(size=shape)
    found = [(drift + rng.normal(size=shape)) * 10.0 ** rng.integers(-4, 2) for _ in range(STEPS)]
    for g in found:
        g.flat[0] = 0.0
    return found


def trajectory(optimizer: torch.optim.Optimizer, weight: nn.Parameter, steps: list[np.ndarray]) -> list[np.ndarray]:
    """The weight after each step."""
    seen = []
    for g in steps:
        weight.grad = torch.from_numpy(g)
        optimizer.step()
        seen.append(weight.detach().numpy().copy())
    return seen


def start(shape: tuple[int, ...]) -> nn.Parameter:
    return nn.Parameter(torch.from_numpy(np.random.default_rng(9).uniform(-1, 1, shape)))


def test_bop_equals_its_law() -> None:
    weight, steps = start((5, 7)), gradients((5, 7))
    w, m, flips = np.where(weight.detach().numpy() < 0, -1.0, 1.0), np.zeros((5, 7)), 0
    for found, g in zip(trajectory(Bop([weight], lr=0.1, threshold=0.01), weight, steps), steps, strict=True):
        before = w
        w, m = law.bop(w, m, g, 0.1, 0.01)
        flips += int((w != before).sum())
        assert np.array_equal(found, w)
    assert 20 < flips < 35 * STEPS / 2


def test_second_order_bop_equals_its_law() -> None:
    weight, steps = start((5, 7)), gradients((5, 7), 1)
    w, m, v = np.where(weight.detach().numpy() < 0, -1.0, 1.0), np.zeros((5, 7)), np.zeros((5, 7))
    made, flips = Bop([weight], lr=0.1, threshold=0.3, sigma=0.05, eps=1e-10), 0
    for found, g in zip(trajectory(made, weight, steps), steps, strict=True):
        before = w
        w, m, v = law.bop_second_order(w, m, v, g, 0.1, 0.05, 0.3, 1e-10)
        flips += int((w != before).sum())
        assert np.array_equal(found, w)
    assert flips > 20


def test_nothing_flips_at_the_threshold_itself() -> None:
    """|m| must exceed it; larq turns such a weight to +1."""
    weight = nn.Parameter(torch.tensor([-1.0, 1.0]))
    weight.grad = torch.tensor([-1.0, 1.0])
    Bop([weight], lr=0.5, threshold=0.5).step()
    assert weight.tolist() == [-1.0, 1.0]
    weight.grad = torch.tensor([-1.0, 1.0])  # m = 0.75 now
    Bop([weight], lr=0.75, threshold=0.5).step()
    assert weight.tolist() == [1.0, -1.0]


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**31), st.floats(1e-3, 1.0), st.floats(0.0, 2.0))
def test_bop_keeps_signs_and_flips_by_its_rule_only(seed: int, gamma: float, threshold: float) -> None:
    rng = np.random.default_rng(seed)
    weight = nn.Parameter(torch.from_numpy(rng.normal(size=12)))
    bop = Bop([weight], lr=gamma, threshold=threshold)
    for _ in range(8):
        before = weight.detach().clone()
        weight.grad = torch.from_numpy(rng.normal(size=12) * 3)
        bop.step()
        m = bop.state[weight]["m"]
        asked = (m.abs() > threshold) & (torch.sign(m) == torch.sign(before))
        assert set(weight.tolist()) <= {-1.0, 1.0}
        assert torch.equal(weight != before, asked)


@pytest.mark.parametrize("scale", [1.0, 4.0, 5.3])
def test_shift_adamax_equals_its_law(scale: float) -> None:
    weight, steps = start((4, 6)), gradients((4, 6), 2)
    w, m, v = weight.detach().numpy().copy(), np.zeros((4, 6)), np.zeros((4, 6))
    made = ShiftAdaMax([{"params": [weight], "scale": scale}], lr=2.0**-7)
    for t, (found, g) in enumerate(zip(trajectory(made, weight, steps), steps, strict=True), 1):
        updated, m, v = law.shift_adamax(w, m, v, g, t, 2.0**-7, (1 - 2.0**-3, 1 - 2.0**-10))
        w = law.scaled_clipped(w, updated, scale, None)
        assert np.allclose(found, w, rtol=1e-13, atol=1e-13)
    assert found.flat[0] == start((4, 6)).detach().numpy().flat[0]


def test_shift_adamax_as_in_lua_equals_its_law() -> None:
    weight, steps = start((4, 6)), gradients((4, 6), 3)
    w, m, v = weight.detach().numpy().copy(), np.zeros((4, 6)), np.zeros((4, 6))
    made = ShiftAdaMax([weight], lr=2.0**-6, betas=(0.9, 0.999), eps=2.0**-27, form="lua", scale=8.0)
    for t, (found, g) in enumerate(zip(trajectory(made, weight, steps), steps, strict=True), 1):
        w, m, v = law.shift_adamax_lua(w, m, v, g, t, 2.0**-6, (0.9, 0.999), 2.0**-27, 8.0)
        assert np.allclose(found, w, rtol=1e-13, atol=1e-13)
    powers = np.frexp(v - 2.0**-27)[0]
    assert np.all((powers == 0.5) | (powers == 0))


@pytest.mark.parametrize("name", ["sgd", "adam", "adamw"])
def test_glorot_scale_is_the_step_of_binaryconnect(name: str) -> None:
    """w + s (update - w), clipped: the same rule without the scale gives ``update``."""
    layer = BinaryLinear(6, 4).double()
    steps = gradients((4, 6), 4)
    made = optim.make(layer, OptimOptions(name=name, lr=2e-2, weight_decay=0.01, lr_scale="glorot"))
    twin = BinaryLinear(6, 4).double()
    twin.load_state_dict(layer.state_dict())
    plain = optim.make(twin, OptimOptions(name=name, lr=2e-2, weight_decay=0.01))
    scale = law.glorot_scale((4, 6))
    assert scale > 2
    for g in steps:
        w = layer.weight.detach().numpy().copy()
        with torch.no_grad():
            twin.weight.copy_(layer.weight)
        layer.weight.grad, twin.weight.grad = torch.from_numpy(g), torch.from_numpy(g)
        made.step()
        plain.step()
        clip_weights_(layer)
        expected = law.scaled_clipped(w, twin.weight.detach().numpy(), scale)
        assert np.allclose(layer.weight.detach().numpy(), expected, rtol=1e-10, atol=1e-12)
    assert (layer.weight.abs() == 1).any() and (layer.weight.abs() <= 1).all()


def net() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), BinaryConv2d(4, 8, 3), nn.BatchNorm2d(8), nn.Flatten(),
        BinaryLinear(32, 3, bias=True, weight="sign"),
    )  # fmt: skip


def test_latent_weights_are_those_of_binary_and_few_bit_layers() -> None:
    model = nn.Sequential(*net(), FewBitConv2d(1, 2, 3, weight="sign"))
    assert list(latent_weights(model)) == ["2.weight", "5.weight", "6.weight"]
    for weight in latent_weights(model).values():
        weight.data.mul_(1e3)
    assert clip_weights_(model) == 3 and all(w.abs().max() == 1 for w in latent_weights(model).values())
    assert list(latent_weights(BinaryLinear(2, 2))) == ["weight"]


@pytest.mark.parametrize("name", ["sgd", "adam", "adamw"])
def test_matrices_alone_decay(name: str) -> None:
    model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2))
    made = optim.make(model, OptimOptions(name=name, lr=0.25, weight_decay=0.5))
    decays = {p.ndim: group["weight_decay"] for group in made.param_groups for p in group["params"]}
    assert decays == {4: 0.5, 1: 0.0} and all(group["lr"] == 0.25 for group in made.param_groups)


def test_frozen_parameters_are_left_out() -> None:
    model = net()
    model[0].weight.requires_grad_(False)
    model[2].weight.requires_grad_(False)
    for options in (OptimOptions(), OptimOptions(binary=BOP)):
        held = [id(p) for group in optim.make(model, options).param_groups for p in group["params"]]
        assert sorted(held) == sorted(id(p) for p in model.parameters() if p.requires_grad)


def test_every_choice_of_a_recipe_is_a_row() -> None:
    kinds = {name: options.__dataclass_fields__["name"].metadata["choices"] for name, options in
             (("whole", OptimOptions), ("binary", BinaryOptions))}  # fmt: skip
    assert set(kinds["whole"]) == {name for name, rule in optim.OPTIMIZERS.items() if not rule.latent_free}
    assert set(kinds["binary"]) == {"same", *optim.OPTIMIZERS}
    assert set(OptimOptions.__dataclass_fields__["lr_scale"].metadata["choices"]) == set(LR_SCALES)


@pytest.mark.parametrize("rule", ["sgd", "adam", "adamw", "shift_adamax", "bop", "bop2"])
def test_groups_go_by_their_own_rules_and_follow_one_schedule(rule: str) -> None:
    model = net()
    own = BinaryOptions(name=rule, lr=0.02, threshold=1e-6)
    made = optim.make(model, OptimOptions(name="sgd", lr=0.1, weight_decay=0.5, binary=own))
    assert isinstance(made, Grouped)
    latent = {id(w) for w in latent_weights(model).values()}
    assert {id(p) for group in made.members[0].param_groups for p in group["params"]} == latent
    set_factor(made, 0.25)
    rates = (
        {group["lr"] for group in made.members[0].param_groups},
        {group["lr"] for group in made.members[1].param_groups},
    )
    assert rates == ({0.02 * 0.25}, {0.1 * 0.25})
    set_factor(made, 1.0)
    assert {group["lr"] for group in made.param_groups} == {0.02, 0.1}


@pytest.mark.parametrize(("follows", "expected"), [("gamma", (0.5, 1)), ("threshold", (1, 0.5)), ("both", (0.5, 0.5)),
                                                   ("none", (1, 1))])  # fmt: skip
def test_what_of_bop_the_schedule_moves(follows: str, expected: tuple[float, float]) -> None:
    own = BinaryOptions(name="bop", lr=0.02, threshold=1e-6, follows=follows)
    made = optim.make(net(), OptimOptions(binary=own))
    set_factor(made, 0.5)
    for group in made.members[0].param_groups:
        assert (group["lr"], group["threshold"]) == (0.02 * expected[0], 1e-6 * expected[1])
    assert {group["lr"] for group in made.members[1].param_groups} == {0.5e-3}


def test_the_scale_keeps_its_ratio_under_a_schedule() -> None:
    model = net()
    scales = {id(model[2].weight): law.glorot_scale((8, 4, 3, 3)), id(model[5].weight): law.glorot_scale((3, 32))}
    for name, key in (("adam", "lr"), ("shift_adamax", "scale")):
        made = optim.make(model, OptimOptions(name=name, lr=1e-3, lr_scale="glorot"))
        set_factor(made, 0.5)
        for group in made.param_groups:
            for p in group["params"]:
                factor = scales.get(id(p), 1.0)
                assert group[key] == pytest.approx(factor * (0.5e-3 if key == "lr" else 1.0), rel=1e-12)
    rounded = optim.make(model, OptimOptions(name="shift_adamax", lr=1e-3, lr_scale="glorot-ap2"))
    assert {group["scale"] for group in rounded.param_groups} == {1.0, 8.0, 4.0}


def learn(model: nn.Module, made: Any, steps: int) -> float:
    """A few steps on a fixed batch; returns the last loss."""
    images = torch.randn(8, 1, 6, 6, generator=torch.Generator().manual_seed(1))
    labels = torch.arange(8) % 3
    for _ in range(steps):
        loss = nn.functional.cross_entropy(model(images) / 8, labels)
        made.zero_grad()
        loss.backward()
        made.step()
        clip_weights_(model)
    return float(loss.detach())


@pytest.mark.parametrize("options", [
    OptimOptions(lr=0.01, binary=BOP),
    OptimOptions(lr=0.01, binary=BinaryOptions(name="bop2", lr=1e-2, threshold=0.5, sigma=0.01)),
    OptimOptions(name="shift_adamax", lr=2.0**-7, lr_scale="glorot-ap2", form="lua"),
    OptimOptions(name="adam", lr=1e-3, binary=BinaryOptions(name="shift_adamax", lr=2.0**-7)),
], ids=["bop", "bop2", "shift_adamax", "grouped shift_adamax"])  # fmt: skip
def test_a_net_learns_and_goes_on_from_its_state(options: OptimOptions) -> None:
    whole = net()
    made = optim.make(whole, options)
    first = learn(whole, made, 1)
    assert learn(whole, made, 24) < first * 0.7
    assert all(w.abs().max() <= 1 for w in latent_weights(whole).values())

    half = net()
    made = optim.make(half, options)
    learn(half, made, 12)
    rest = net()
    rest.load_state_dict(half.state_dict())
    again = optim.make(rest, options)
    again.load_state_dict(json_like(made.state_dict()))
    learn(rest, again, 13)
    for a, b in zip(whole.parameters(), rest.parameters(), strict=True):
        assert torch.equal(a, b)


def json_like(state: Any) -> Any:
    """The state as a checkpoint brings it back: saved, and read with ``weights_only``."""
    buffer = io.BytesIO()
    torch.save(state, buffer)
    buffer.seek(0)
    return torch.load(buffer, weights_only=True)


def test_rules_that_cannot_work_are_refused() -> None:
    with pytest.raises(RecipeError, match="no binary weights"):
        optim.make(nn.Linear(2, 2), OptimOptions(binary=BOP))
    with pytest.raises(RangeError, match="gamma"):
        Bop([nn.Parameter(torch.ones(1))], lr=1.5)
    with pytest.raises(RangeError, match="threshold"):
        Bop([nn.Parameter(torch.ones(1))], threshold=-1.0)
    with pytest.raises(RangeError, match="form"):
        ShiftAdaMax([nn.Parameter(torch.ones(1))], form="theano")
    with pytest.raises(RangeError, match="betas"):
        ShiftAdaMax([nn.Parameter(torch.ones(1))], betas=(1.0, 0.9))
    made = optim.make(net(), OptimOptions(binary=BOP))
    with pytest.raises(RecipeError, match="add_param_group"):
        made.add_param_group({"params": [nn.Parameter(torch.ones(1))]})


@pytest.mark.parametrize("name", SCHEMES)
def test_the_recipe_of_a_scheme_is_one(name: str) -> None:
    """Its keys are keys of a recipe, and its optimizer can train a net of it."""
    recipe = override(Recipe(), [f"{key}={json.dumps(value)}" for key, value in SCHEMES[name].recipe.items()])
    assert optim.make(create_model("lenet5", method=name), recipe.optim).param_groups
