"""What is written for speed says what its formula says: RPReLU's own backward, signs and windows without booleans."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from torch import Tensor, nn

from xnorkit.nn import BinaryConv2d, RPReLU
from xnorkit.nn.functional import sign_values
from xnorkit.nn.quantizers.base import window_mask
from xnorkit.nn.quantizers.slope import approx_slope
from xnorkit.reference.conventions import sign

NUMBERS = hnp.arrays(np.float32, hnp.array_shapes(max_dims=4, max_side=5), elements=st.floats(width=32))
SPECIAL = torch.tensor([-0.0, 0.0, float("nan"), -float("nan"), float("inf"), -float("inf"), -1e-45, 1e-45])


def bent(x: Tensor, gamma: Tensor, slope: Tensor, zeta: Tensor) -> Tensor:
    """ReActNet's eq. 5, left to autograd."""
    shape = (1, -1, *[1] * (x.ndim - 2))
    return F.prelu(x - gamma.view(shape), slope) + zeta.view(shape)


@pytest.mark.parametrize("shape", [(4, 3), (4, 3, 5), (4, 3, 5, 2)])
def test_rprelus_backward_is_that_of_its_formula(shape: tuple[int, ...]) -> None:
    torch.manual_seed(0)
    layer, x = RPReLU(3).double(), torch.randn(shape, dtype=torch.float64, requires_grad=True)
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.copy_(torch.randn(3))
        x[0] = layer.gamma.view(-1, *[1] * (len(shape) - 2))  # where the two slopes meet
    inputs = (x, layer.gamma, layer.slope, layer.zeta)
    weights = torch.randn(shape, dtype=torch.float64)
    found = torch.autograd.grad((layer(x) * weights).sum(), inputs)
    wanted = torch.autograd.grad((bent(*inputs) * weights).sum(), inputs)
    assert torch.equal(layer(x), layer.eval()(x)) and torch.equal(layer(x), bent(*inputs))
    for one, other in zip(found, wanted, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-12, atol=1e-12)


def test_a_training_step_under_autocast_stays_in_its_dtype() -> None:
    """RSign, the gate and RPReLU must not bring float32 maps back: they would double the memory, and the time."""
    torch.manual_seed(0)
    seen = []
    net = nn.Sequential(nn.Conv2d(3, 8, 3), BinaryConv2d(8, 8, 3, weight="bi-real", activation="rsign", gate=4),
                        nn.BatchNorm2d(8), RPReLU(8))  # fmt: skip
    for module in net:
        module.register_forward_hook(lambda _, __, y: seen.append(y.dtype))
    with torch.autocast("cpu", torch.bfloat16):
        net(torch.randn(2, 3, 9, 9)).float().sum().backward()
    assert seen == [torch.bfloat16] * 4
    assert all(p.grad is not None and p.grad.dtype == torch.float32 for p in net.parameters())


@given(x=NUMBERS)
def test_signs_are_the_references(x: np.ndarray) -> None:
    assert np.array_equal(sign_values(torch.from_numpy(x)).numpy(), sign(x))


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16, torch.float16])
def test_signs_of_special_numbers_and_of_other_layouts(dtype: torch.dtype) -> None:
    assert sign_values(SPECIAL.to(torch.float64 if dtype is torch.float64 else torch.float32)).tolist() == \
        [1, 1, 1, 1, 1, -1, -1, 1]  # fmt: skip
    x = torch.randn(3, 4, 5, 6).to(dtype)
    for layout in (x.to(memory_format=torch.channels_last), x.transpose(1, 3), x[:, ::2], x[:1].expand(3, -1, -1, -1)):
        found = sign_values(layout)
        assert found.dtype == dtype and torch.equal(found, torch.where(layout < 0, -1.0, 1.0).to(dtype))


@given(x=NUMBERS, clip=st.floats(0.125, 3, width=32), strict=st.booleans())
def test_a_window_passes_what_is_inside(x: np.ndarray, clip: float, strict: bool) -> None:
    found = window_mask(torch.from_numpy(x), clip, strict).numpy()
    inside = np.abs(x) < np.float32(clip) if strict else np.abs(x) <= np.float32(clip)
    assert np.array_equal(found, inside.astype(np.float32))


def test_the_slope_of_bi_real_leaves_its_input_alone() -> None:
    x = torch.tensor([-2.0, -1.0, -0.5, -0.0, 0.25])
    before = x.clone()
    assert approx_slope(x).tolist() == [0.0, 0.0, 1.0, 2.0, 1.5] and torch.equal(x, before)
