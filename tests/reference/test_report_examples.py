"""The examples of the report this project started from, number by number."""

from __future__ import annotations

import numpy as np
import pytest

from xnorkit.errors import ShapeError
from xnorkit.graph.build import GraphBuilder
from xnorkit.reference.linear import conv2d
from xnorkit.reference.pooling import avg_pool2d, max_pool2d
from xnorkit.reference.shapes import exact_output, window_output


def picture(rows: list[list[int]]) -> np.ndarray:
    return np.array(rows, np.float32)[None, :, :, None]


def test_convolution_of_a_padded_square_with_itself() -> None:
    x = picture([[1, 2], [3, 4]])
    found = conv2d(x, x, stride=(2, 2), padding=(1, 1, 1, 1))
    assert found[0, :, :, 0].tolist() == [[4, 6], [6, 4]]
    assert exact_output((2, 2), (2, 2), (2, 2), (1, 1, 1, 1)) == (2, 2)


def test_pooling() -> None:
    x = picture([[1, 1, 2, 4], [5, 6, 7, 8], [3, 2, 1, 0], [1, 2, 3, 4]])
    assert max_pool2d(x, (2, 2), (2, 2))[0, :, :, 0].tolist() == [[6, 8], [3, 4]]
    assert avg_pool2d(x, (2, 2), (2, 2))[0, :, :, 0].tolist() == [[3.25, 5.25], [2, 2]]


def test_shapes_of_the_small_net() -> None:
    """32x32x3 -> CONV 12 -> ReLU -> POOL -> FC 10."""
    rng, b = np.random.default_rng(0), GraphBuilder()
    x = b.input("x", "f32", (32, 32, 3))
    weight = rng.standard_normal((12, 3, 3, 3)).astype(np.float32)
    conv = b.add("conv2d", x, out_channels=12, kernel=(3, 3), padding=(1, 1, 1, 1), tensors={"weight": weight})
    relu = b.add("relu", conv)
    pool = b.add("max_pool2d", relu, kernel=(2, 2), stride=(2, 2))
    weight = rng.standard_normal((10, 16 * 16 * 12)).astype(np.float32)
    fc = b.add("dense", b.add("flatten", pool), out_features=10, tensors={"weight": weight})
    shapes = [b.type(name).shape for name in (conv, relu, pool, fc)]
    assert shapes == [(32, 32, 12), (32, 32, 12), (16, 16, 12), (1, 1, 10)]


@pytest.mark.parametrize(("w", "f", "s", "p", "expected"), [
    (7, 3, 1, 0, 5), (7, 3, 2, 0, 3), (5, 3, 1, 1, 5), (227, 11, 4, 0, 55), (32, 5, 1, 2, 32), (4, 2, 2, 0, 2),
])  # fmt: skip
def test_sizes(w: int, f: int, s: int, p: int, expected: int) -> None:
    """(W - F + 2P) / S + 1; AlexNet's first layer needs 227 pixels, not the 224 that its paper prints."""
    assert (w - f + 2 * p) / s + 1 == expected
    arguments = (w, w), (f, f), (s, s), (p, p, p, p)
    assert exact_output(*arguments) == window_output(*arguments, (1, 1)) == (expected, expected)


def test_a_stride_that_does_not_fit_is_named() -> None:
    with pytest.raises(ShapeError, match=r"got 3, expected a divisor of W - F \+ P = 4\nhint: pad by 2 more pixels"):
        exact_output((7, 7), (3, 3), (3, 3), (0, 0, 0, 0))
    with pytest.raises(ShapeError, match="stride: got 4"):
        exact_output((224, 224), (11, 11), (4, 4), (0, 0, 0, 0))
    assert window_output((224, 224), (11, 11), (4, 4), (0, 0, 0, 0), (1, 1)) == (54, 54)


def test_parameter_sharing() -> None:
    """One filter serves every place: AlexNet's first layer has 96 * 11 * 11 * 3 weights, not a set for each output."""
    shared = 96 * 11 * 11 * 3
    rng = np.random.default_rng(0)
    w = rng.standard_normal((96, 11, 11, 3)).astype(np.float32)
    assert w.size == shared == 34_848
    x = rng.standard_normal((1, 23, 23, 3)).astype(np.float32)
    moved = np.roll(x, 4, axis=2)  # one stride to the right
    np.testing.assert_array_equal(conv2d(moved, w, stride=(4, 4))[:, :, 1:], conv2d(x, w, stride=(4, 4))[:, :, :-1])
