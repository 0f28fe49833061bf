"""XNOR-Net's K: the order of additions as scalar loops, the paper's formula in float64, refusals."""

from __future__ import annotations

import numpy as np
import pytest

from xnorkit.errors import DTypeError, ShapeError
from xnorkit.reference import kmap


@pytest.mark.parametrize("channels", [1, 7, 8, 16, 17, 40, 70])
def test_additions_are_in_the_written_order(channels: int) -> None:
    x = (np.random.default_rng(channels).normal(size=(1, 1, 3, channels)) * 1e3).astype(np.float32)
    for pixel, got in zip(x[0, 0], kmap.abs_mean(x)[0, 0, :, 0], strict=True):
        sums = [np.float32(0)] * 16
        for c, value in enumerate(pixel):
            sums[c % 16] = np.float32(sums[c % 16] + abs(value))
        for half in (8, 4, 2, 1):
            sums = [np.float32(sums[i] + sums[i + half]) for i in range(half)]
        assert got == np.float32(sums[0] / np.float32(channels))


@pytest.mark.parametrize(
    ("kernel", "stride", "padding", "dilation"),
    [
        ((3, 3), (1, 1), (1, 1, 1, 1), (1, 1)),
        ((2, 3), (2, 1), (0, 2, 1, 0), (2, 1)),
        ((1, 1), (3, 2), (4, 0, 0, 3), (1, 1)),  # whole windows in the padding
    ],
)
def test_it_is_the_papers_formula(kernel, stride, padding, dilation) -> None:
    x = np.random.default_rng(5).normal(size=(2, 6, 7, 20)).astype(np.float32)
    got = kmap.kmap(x, kernel, stride, padding, dilation)
    mean = np.abs(x.astype(np.float64)).mean(3)
    top, left, bottom, right = padding
    mean = np.pad(mean, ((0, 0), (top, bottom), (left, right)))
    for y, z in np.ndindex(*got.shape[1:3]):
        taps = [
            mean[:, y * stride[0] + i * dilation[0], z * stride[1] + j * dilation[1]]
            for i in range(kernel[0])
            for j in range(kernel[1])
        ]
        np.testing.assert_allclose(got[:, y, z, 0], np.mean(taps, axis=0), rtol=1e-6)
    assert not np.signbit(got).any()


def test_a_factor_a_pixel() -> None:
    x, factor = np.arange(12).reshape(1, 2, 2, 3).astype(np.int32), np.float32([[[[2], [0.5]], [[0], [-1]]]])
    expected = [[[[0, 2, 4], [1.5, 2, 2.5]], [[0, 0, 0], [-9, -10, -11]]]]
    assert kmap.scale_map(x, factor).tolist() == expected
    rounded = kmap.scale_map(np.full((1, 1, 1, 1), 2**24 + 1, np.int32), np.ones((1, 1, 1, 1), np.float32))
    assert rounded.item() == 2**24


def test_refusals() -> None:
    x = np.ones((1, 2, 2, 3), np.float32)
    with pytest.raises(DTypeError, match="abs_mean"):
        kmap.kmap(x.astype(np.float16), (1, 1))
    with pytest.raises(ShapeError, match="window"):
        kmap.kmap(x, (3, 1))
    with pytest.raises(ShapeError, match="factor"):
        kmap.scale_map(x, x)
    with pytest.raises(DTypeError, match="scale_map"):
        kmap.scale_map(x.astype(np.uint8), x[..., :1])
