"""Every scheme under what PyTorch does to a model: saving, copying, compiling, mixed precision, two processes, CUDA."""

from __future__ import annotations

import copy
import io
import pickle

import pytest
import torch
from torch import Tensor, nn
from two_processes import scheme_net

from xnorkit.nn import SCHEMES, BinaryConv2d, BinaryLinear, set_progress_
from xnorkit.nn.layers.state import quantized_modules

OPTIONS = (
    "xnor[kmap=true]", "bnn[first=planes,last=binary]", "reactnet[weight=real]", "dorefa[weight.bits=2]",
    "qnn[weight=log,activation=log]", "binaryconnect[weight.evaluate=real]", "xnor[gradient=max-sign]",
)  # fmt: skip
ROWS = (*SCHEMES, *OPTIONS)
COMPILED = ("xnor[kmap=true]", "ir-net", "reactnet", "real-to-binary", "dorefa")
"""Rows that cover the kinds of layers, learned numbers and buffers, in nets of one hidden block; ``aot_eager`` traces
forward and backward as inductor does and leaves out its C++ compiler."""


def pixels(count: int = 4) -> Tensor:
    return torch.randint(0, 256, (count, 1, 8, 8), generator=torch.Generator().manual_seed(1)).float()


def warm(spec: str, **options: object) -> nn.Module:
    """A net of the scheme that has trained for a step: statistics, learned numbers and progress off their start."""
    model = scheme_net(spec, **options)
    set_progress_(model, 0.7)
    model(pixels()).square().mean().backward()
    torch.optim.SGD(model.parameters(), 0.1).step()
    model.zero_grad()
    return model


def step(model: nn.Module, x: Tensor, *, autocast: bool = False) -> tuple[Tensor, list[Tensor]]:
    """Scores in training, drawn from one seed, and the gradient of every parameter."""
    torch.manual_seed(5)
    with torch.autocast(x.device.type, dtype=torch.bfloat16, enabled=autocast):
        scores = model.train()(x)
    model.zero_grad()
    scores.float().square().mean().backward()
    return scores.detach(), [p.grad.clone() for p in model.parameters() if p.grad is not None]


def equal(one: nn.Module, other: nn.Module) -> None:
    (scores, gradients), (scores_, gradients_) = step(one, pixels()), step(other, pixels())
    assert torch.equal(scores, scores_) and len(gradients) == len(gradients_) == len(list(one.parameters()))
    assert all(torch.equal(a, b) for a, b in zip(gradients, gradients_, strict=True))
    with torch.no_grad():
        assert torch.equal(one.eval()(pixels()), other.eval()(pixels()))


@pytest.mark.parametrize("spec", ROWS)
def test_a_state_dict_is_all_of_a_net_but_the_progress(spec: str) -> None:
    model, file = warm(spec), io.BytesIO()
    torch.save(model.state_dict(), file)
    file.seek(0)
    other = scheme_net(spec, seed=1)
    other.load_state_dict(torch.load(file, weights_only=True), strict=True)
    set_progress_(other, 0.7)
    equal(model, other)


@pytest.mark.parametrize("spec", ROWS)
def test_copies_are_equal_and_apart(spec: str) -> None:
    model = warm(spec)
    for other in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        equal(copy.deepcopy(model), other)
        before = [p.clone() for p in model.parameters()]
        with torch.no_grad():
            for parameter in other.parameters():
                parameter.add_(1)
        assert all(torch.equal(p, b) for p, b in zip(model.parameters(), before, strict=True))


@pytest.mark.parametrize("spec", ROWS)
def test_autocast_leaves_the_sums_of_layers_as_they_are(spec: str) -> None:
    """Each layer, given the floats that reach it under autocast, gives the bits it gives without it."""
    model, seen = warm(spec).eval(), []
    layers = list(quantized_modules(model))
    hooks = [m.register_forward_hook(lambda m, given, result: seen.append((m, given[0], result))) for m in layers]
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        scores = model(pixels())
    for hook in hooks:
        hook.remove()
    assert scores.isfinite().all() and len(seen) == len(layers)
    with torch.no_grad():
        for layer, given, result in seen:
            assert torch.equal(result.float(), layer(given.float())), (type(layer).__name__, given.dtype)


@pytest.mark.parametrize("spec", ROWS)
def test_autocast_trains_every_parameter(spec: str) -> None:
    model = warm(spec)
    scores, gradients = step(model, pixels(), autocast=True)
    assert scores.isfinite().all() and len(gradients) == len(list(model.parameters()))
    assert all(g.dtype == torch.float32 and g.isfinite().all() for g in gradients)


@pytest.mark.parametrize("spec", COMPILED)
def test_compiled_nets_train_alike(spec: str) -> None:
    model = warm(spec, stages=[[4], [4]])
    compiled = torch.compile(copy.deepcopy(model), backend="aot_eager", fullgraph=True)
    (scores, gradients), (scores_, gradients_) = step(model, pixels()), step(compiled, pixels())
    torch.testing.assert_close(scores_, scores)
    assert len(gradients) == len(gradients_)
    for one, other in zip(gradients, gradients_, strict=True):
        torch.testing.assert_close(other, one)
    torch._dynamo.reset()


def test_inductor_compiles_what_the_engine_packs() -> None:
    """Its C++ for one binary block of each kind, forward and backward: sums are integers, so nothing may differ."""
    torch.manual_seed(0)
    model = nn.Sequential(BinaryConv2d(2, 3, 3), nn.Flatten(), BinaryLinear(3, 2))
    x = torch.randn(4, 2, 3, 3)
    want, gradients = step(model, x)
    got, gradients_ = step(torch.compile(model), x)
    torch.testing.assert_close(got, want)
    for one, other in zip(gradients, gradients_, strict=True):
        torch.testing.assert_close(other, one)
    torch._dynamo.reset()


@pytest.mark.skipif(
    not torch.cuda.is_available(),
    reason="needs a CUDA device, which CI has not; `make test-py` runs these where there is one",
)
@pytest.mark.parametrize("spec", ROWS)
def test_cuda_trains_and_evaluates(spec: str) -> None:
    model = warm(spec)
    other = copy.deepcopy(model).cuda()
    scores, gradients = step(other, pixels().cuda())
    assert scores.is_cuda and len(gradients) == len(list(model.parameters()))
    assert all(g.is_cuda and g.isfinite().all() for g in gradients)
    with torch.no_grad():
        for layer, twin in zip(quantized_modules(model.eval()), quantized_modules(other.eval()), strict=True):
            assert {t.device.type for t in twin.state_dict().values()} <= {"cuda"} and type(layer) is type(twin)
        assert other(pixels().cuda()).isfinite().all()
