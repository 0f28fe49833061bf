"""Layers: integer sums, equality with the reference, with the exported op, and the manners of torch.nn."""

import copy
import itertools
import pickle

import numpy as np
import pytest
import torch
from torch import nn

from xnorkit.errors import RangeError, ShapeError
from xnorkit.nn import (
    BinaryActivation,
    BinaryConv2d,
    BinaryLinear,
    Int8Conv2d,
    Int8Linear,
    Pixels,
    Sign,
    Xnor,
    clip_weights_,
)
from xnorkit.reference import binary, conventions, linear


def images(n=2, c=3, h=9, w=8, seed=0):
    return torch.randn(n, c, h, w, generator=torch.Generator().manual_seed(seed))


def pixels(n=2, c=3, h=9, w=8, seed=0):
    return torch.randint(0, 256, (n, c, h, w), generator=torch.Generator().manual_seed(seed)).float()


def nhwc(x, dtype=np.int8):
    return np.ascontiguousarray(x.detach().numpy().transpose(0, 2, 3, 1)).astype(dtype)


def canonical(weight, dtype=np.int8):
    """(O, I, kH, kW) in torch -> (O, kH, kW, I) of the reference."""
    return np.ascontiguousarray(weight.detach().numpy().transpose(0, 2, 3, 1)).astype(dtype)


GEOMETRY = [
    {"kernel_size": 3, "padding": 1},
    {"kernel_size": (3, 2), "stride": (2, 1), "padding": (0, 2), "dilation": (1, 2)},
    {"kernel_size": 1},
    {"kernel_size": 3, "padding": (2, 1), "groups": 2},
]


def four_sides(layer):
    ph, pw = layer.padding
    return {"stride": layer.stride, "padding": (ph, pw, ph, pw), "dilation": layer.dilation, "groups": layer.groups}


def reference_sums(layer, x, pad_value):
    signs, weight = conventions.sign(nhwc(x, np.float32)), conventions.sign(canonical(layer.weight, np.float32))
    return binary.bconv2d(signs, weight, pad_value=pad_value, **four_sides(layer))


@pytest.mark.parametrize(("geometry", "pad_value"), list(itertools.product(GEOMETRY, (0, 1, -1))))
def test_binary_conv_sums_equal_the_reference(geometry, pad_value):
    layer = BinaryConv2d(4, 6, **geometry, pad_value=pad_value, weight="sign")
    x = images(c=4)
    x[0, :, 0] = 0.0
    layer.weight.data[0, 0, 0, 0] = 0.0
    expected = reference_sums(layer, x, pad_value)
    assert np.array_equal(nhwc(layer(x), np.int32), expected)


def test_scale_and_bias_are_two_float32_roundings_of_the_integer_sum():
    layer = BinaryConv2d(3, 5, 3, bias=True)
    x = images()
    _, alpha = layer.weight_quantizer(layer.weight)
    acc = reference_sums(layer, x, 0).astype(np.float32)
    expected = (acc * alpha.detach().numpy()).astype(np.float32) + layer.bias.detach().numpy()
    assert np.array_equal(nhwc(layer(x), np.float32), expected)


def test_binary_linear_equals_the_reference():
    layer, x = BinaryLinear(37, 5, weight="sign"), images(2, 37, 1, 1)
    expected = binary.bdense(conventions.sign(nhwc(x, np.float32)), conventions.sign(layer.weight.detach().numpy()))
    assert np.array_equal(layer(x.flatten(1)).detach().numpy(), expected[:, 0, 0])


@pytest.mark.parametrize("geometry", GEOMETRY)
def test_int8_conv_sums_equal_the_reference(geometry):
    layer, x = Int8Conv2d(4, 6, **geometry, input_scale=1.0), pixels(c=4)
    values, scale = layer.weight_quantizer(layer.weight)
    expected = linear.qconv2d(nhwc(x, np.uint8), canonical(values), **four_sides(layer)).astype(np.float32)
    assert np.array_equal(nhwc(layer(x), np.float32), expected * scale.detach().numpy())


@pytest.mark.parametrize("value", [255.0, 254.0])
def test_wide_int8_sums_stay_exact_beyond_24_bits(value):
    """300 x 784 at full scale: sums above 2^24 are formed in float64 and rounded once."""
    layer = Int8Linear(784, 2, bias=False)
    nn.init.constant_(layer.weight, 1.0)
    layer.weight.data[1, ::2] = -1 / 127
    x = torch.full((1, 784), value)
    values, scale = layer.weight_quantizer(layer.weight)
    exact = x.numpy().astype(np.int64) @ values.detach().numpy().astype(np.int64).T
    assert abs(exact).max() > 1 << 24
    assert np.array_equal(layer(x).detach().numpy(), exact.astype(np.float32) * scale.detach().numpy())


def test_int8_linear_takes_pixels_or_signs():
    x = pixels(2, 37, 1, 1).flatten(1)
    layer = Int8Linear(37, 4, bias=False, input_scale=1 / 255)
    values, scale = layer.weight_quantizer(layer.weight)
    acc = linear.qdense(x.numpy().astype(np.uint8)[:, None, None], values.detach().numpy().astype(np.int8))
    scaled = (scale * (1 / 255)).detach().numpy()
    assert np.array_equal(layer(x).detach().numpy(), acc[:, 0, 0].astype(np.float32) * scaled)
    signs = Int8Linear(37, 4, activation="sign")
    assert torch.equal(signs(x - 100), signs(torch.where(x < 100, -1.0, 1.0)))


@pytest.mark.parametrize("factory", [lambda: Int8Conv2d(3, 2, 3), lambda: Int8Linear(8, 2)])
def test_int8_layers_refuse_scaled_pixels(factory):
    layer = factory()
    for x in (pixels() / 255, pixels() - 128, pixels() + 0.5, pixels() * 2 + 1):
        with pytest.raises(RangeError, match="raw pixels"):
            layer(x)
    ternary = torch.tensor([-1.0, 0.0, 1.0]).repeat(3, 3, 8, 8)[..., :8]
    with pytest.raises(RangeError, match=r"integers 0\.\.255"):
        layer(ternary)


OPTIONS = [{}, {"pad_value": 1}, {"pad_value": -1, "bias": True}, {"weight": "sign", "groups": 2, "stride": 2}]


def zoo():
    for options in OPTIONS:
        yield BinaryConv2d(4, 6, 3, padding=1, **options), images(c=4)
    yield BinaryConv2d(4, 6, 3, activation=None), images(c=4)
    yield BinaryLinear(8, 5, bias=True), images()
    yield BinaryLinear(8, 5, activation=None), images()
    yield Int8Conv2d(4, 6, 3, padding=(1, 0), stride=2, bias=True), pixels(c=4)
    yield Int8Linear(8, 5, activation="sign"), images()
    yield Int8Linear(8, 5, input_scale=1 / 255), pixels()
    yield BinaryActivation(), images()
    yield Pixels([0.1, 0.2, 0.3], [0.5, 0.6, 0.7]), pixels()


@pytest.mark.parametrize("strict", [False, True])
def test_the_exported_op_equals_the_layer(strict):
    for layer, x in zoo():
        batch = torch.export.Dim("batch")
        program = torch.export.export(layer.eval(), (x,), dynamic_shapes=({0: batch},), strict=strict)
        more = torch.cat([x, -x, x]) if not isinstance(layer, (Int8Conv2d, Int8Linear)) else torch.cat([x, x, 0 * x])
        assert torch.equal(program.module()(more), layer(more)), layer
        ours = [n.target for n in program.graph.nodes if "xnorkit" in str(n.target)]
        data = [t for t in ours if t is not torch.ops.xnorkit.sign.default]
        assert len(data) == (0 if isinstance(layer, (BinaryActivation, Pixels)) else 1), layer


def test_ops_have_correct_shapes_schemas_and_fakes():
    x, weight, scale = images(c=4), torch.randn(6, 2, 3, 3), torch.rand(6)
    ops = torch.ops.xnorkit
    checks = ("test_schema", "test_faketensor")
    torch.library.opcheck(ops.sign, (x,), test_utils=checks)
    torch.library.opcheck(ops.bconv2d, (x, weight, scale, scale, [2, 1], [1, 2], [1, 2], 2, -1), test_utils=checks)
    integers = (x.round(), weight.round(), scale, None, [2, 1], [1, 2], [1, 1], 2)
    torch.library.opcheck(ops.qconv2d, integers, test_utils=checks)
    torch.library.opcheck(ops.bdense, (x, torch.randn(6, 8), scale, scale), test_utils=checks)
    torch.library.opcheck(ops.qdense, (x.round(), torch.randn(6, 8).round(), scale, None), test_utils=checks)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_gradients_of_a_binary_conv_follow_the_hand_formula(dtype):
    layer = BinaryConv2d(2, 3, 3, padding=1, bias=True, pad_value=-1, dtype=dtype)
    x = images(c=2).to(dtype).requires_grad_()
    g = images(c=3, seed=5).to(dtype)
    (layer(x) * g).sum().backward()
    alpha = layer.weight.detach().abs().mean((1, 2, 3), keepdim=True)
    real = (alpha * layer.weight.detach().sign()).requires_grad_()
    signs = x.detach().sign().requires_grad_()
    padded = nn.functional.pad(signs, (1, 1, 1, 1), value=-1.0)
    (nn.functional.conv2d(padded, real) * g).sum().backward()
    torch.testing.assert_close(x.grad, signs.grad * (x.detach().abs() <= 1))
    n, latent = latent_size(layer), layer.weight.detach()
    per_filter = (real.grad * latent.sign()).sum((1, 2, 3), keepdim=True)
    torch.testing.assert_close(layer.weight.grad, latent.sign() / n * per_filter + real.grad * alpha)
    torch.testing.assert_close(layer.bias.grad, g.sum((0, 2, 3)))


def latent_size(layer):
    return layer.weight[0].numel()


def test_int8_conv_gradient_is_that_of_the_reconstruction():
    layer, x, g = Int8Conv2d(2, 3, 3), pixels(c=2), images(c=3, h=7, w=6, seed=5)
    (layer(x) * g).sum().backward()
    values, scale = layer.weight_quantizer(layer.weight)
    real = (values * scale.view(-1, 1, 1, 1)).detach().requires_grad_()
    (nn.functional.conv2d(x / 255, real) * g).sum().backward()
    torch.testing.assert_close(layer.weight.grad, real.grad)


def test_padding_values_differ_only_at_the_border():
    results = []
    for pad_value in (0, 1, -1):
        torch.manual_seed(0)
        results.append(BinaryConv2d(3, 4, 3, padding=1, pad_value=pad_value)(images()))
    zero, plus, minus = results
    assert torch.equal(zero[..., 1:-1, 1:-1], plus[..., 1:-1, 1:-1]) and not torch.equal(plus, minus)
    torch.testing.assert_close((plus + minus) / 2, zero)


def test_float_checkpoints_load_and_round_trip():
    pairs = (
        (nn.Conv2d(3, 4, 3), BinaryConv2d(3, 4, 3, bias=True)),
        (nn.Linear(5, 2), BinaryLinear(5, 2, bias=True)),
        (nn.Conv2d(3, 4, 3, bias=False), Int8Conv2d(3, 4, 3)),
        (nn.Linear(5, 2), Int8Linear(5, 2)),
    )
    for float_layer, layer in pairs:
        layer.load_state_dict(float_layer.state_dict())
        assert list(layer.state_dict()) == list(float_layer.state_dict())
        assert torch.equal(layer.weight, float_layer.weight)


def test_copies_and_pickles_compute_the_same():
    for layer, x in zoo():
        for twin in (copy.deepcopy(layer), pickle.loads(pickle.dumps(layer))):
            assert torch.equal(twin(x), layer(x))


def test_compiled_training_step_equals_eager():
    head = (nn.Flatten(), nn.BatchNorm1d(8 * 42), Int8Linear(8 * 42, 3, activation="sign"))
    net = nn.Sequential(Int8Conv2d(3, 8, 3), nn.BatchNorm2d(8), BinaryConv2d(8, 8, 3, padding=1, pad_value=1), *head)
    twin = copy.deepcopy(net)
    compiled, x = torch.compile(twin, backend="aot_eager", fullgraph=True), pixels()
    net(x).square().sum().backward()
    compiled(x).square().sum().backward()
    for (name, a), b in zip(net.named_parameters(), twin.parameters(), strict=True):
        assert a.grad is not None and a.grad.abs().sum() > 0, f"{name} gets no gradient"
        torch.testing.assert_close(a.grad, b.grad)


def test_autocast_leaves_the_sums_of_evaluation_exact():
    layer, x = BinaryConv2d(64, 8, 3, bias=True).eval(), images(c=64)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        inside = layer(x)
    assert inside.dtype == torch.float32 and torch.equal(inside, layer(x))


@pytest.mark.parametrize("options", [{}, {"kmap": True}, {"gate": 4}, {"weight": "real"}])
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_autocast_rounds_the_sums_of_a_training_step(dtype, options):
    """Beyond 2^8 a sum has bfloat16's eight bits: near the exact one, not equal to it; so are the gradients."""
    torch.manual_seed(0)
    layer, x = BinaryConv2d(128, 8, 5, bias=True, **options), images(c=128) + 0.2
    with torch.no_grad():
        layer.weight += 0.01
    found = []
    for rounds in (False, True):
        layer.zero_grad()
        with torch.autocast("cpu", dtype, enabled=rounds):
            y = layer(x)
        y.float().square().mean().backward()
        found.append((y, layer.weight.grad))
    (exact, gradient), (near, gradient_) = found
    assert (
        gradient_.dtype == torch.float32
        and not torch.equal(near.float(), exact)
        and not torch.equal(gradient, gradient_)
    )
    tolerance = 8 * torch.finfo(dtype).eps
    assert (near.float() - exact).abs().max() <= tolerance * exact.abs().max()
    assert (gradient_ - gradient).norm() <= tolerance * gradient.norm()


def test_sums_beyond_the_range_of_autocast_stay_exact():
    layer, x = Int8Conv2d(3, 4, 5), images(c=3)
    x = torch.full_like(x, 255.0)
    with torch.no_grad(), torch.autocast("cpu", torch.float16):
        assert torch.equal(layer.train()(x), layer.eval()(x))
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        assert layer.train()(x).dtype == torch.bfloat16


@pytest.mark.parametrize("weight", ["sign", "xnor"])
def test_training_recovers_the_signs_of_a_teacher(weight):
    """On +-1 inputs the squared error pulls every wrong sign over: the student must end with the teacher's bits."""
    torch.manual_seed(0)
    teacher, student = BinaryLinear(31, 1, weight="sign"), BinaryLinear(31, 1, weight=weight)
    x = torch.randn(512, 31)
    target = teacher(x).detach() * student.weight_quantizer(student.weight)[1].mean().item()
    optimizer = torch.optim.Adam(student.parameters(), lr=0.02)
    assert (student.weight.sign() == teacher.weight.sign()).sum() < 25
    for _ in range(100):
        loss = (student(x) - target).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        clip_weights_(student)
    assert torch.equal(student.weight.sign(), teacher.weight.sign())


def test_clip_touches_binary_layers_only():
    net = nn.Sequential(nn.Linear(2, 2), BinaryLinear(2, 2), Int8Linear(2, 2), BinaryConv2d(1, 1, 1))
    for p in net.parameters():
        p.data.fill_(3.0)
    assert clip_weights_(net) == 2
    assert [m.weight.max().item() for m in net] == [3.0, 1.0, 3.0, 1.0]


def test_layers_print_their_choices():
    text = repr(BinaryConv2d(3, 4, 3, pad_value=-1, weight=Xnor(gradient="paper"), activation=Sign(clip=1.3)))
    for part in ("kernel_size=(3, 3)", "pad_value=-1", "gradient='paper'", "clip=1.3", "bias=False"):
        assert part in text
    assert "input_scale=0.0039" in repr(Int8Conv2d(1, 2, 3)) and "Sign" in repr(BinaryActivation())


@pytest.mark.parametrize(
    ("make", "error", "match"),
    [
        (lambda: BinaryConv2d(3, 4, 3, pad_value=2), RangeError, "pad_value: got 2"),
        (lambda: BinaryConv2d(3, 4, 3, padding="same"), RangeError, "padding: got 'same'"),
        (lambda: BinaryConv2d(3, 4, 3, padding_mode="reflect"), RangeError, "pad_value"),
        (lambda: BinaryConv2d(3, 4, 3, weight="int8"), RangeError, "one-bit"),
        (lambda: BinaryLinear(3, 4, weight="int4"), RangeError, "got int4"),
        (lambda: Int8Conv2d(3, 4, 3, input_scale=0.0), RangeError, "input_scale"),
        (lambda: Pixels([0.5], [0.0]), RangeError, "std"),
        (lambda: Pixels([0.5], [0.5, 0.5]), ShapeError, "mean and std"),
        (lambda: BinaryConv2d(3, 4, 3)(images(c=4)), ShapeError, "input"),
        (lambda: BinaryLinear(3, 4)(torch.randn(2, 5)), ShapeError, "input"),
    ],
)
def test_refusals_name_what_is_wrong(make, error, match):
    with pytest.raises(error, match=match):
        make()
