"""Nets of other tools' arrays compute what those tools compute, written here in plain NumPy and PyTorch."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from xnorkit.errors import GraphError, RangeError, ShapeError
from xnorkit.interop.conventions import CONVENTIONS, Convention
from xnorkit.interop.foreign import BatchNorm, ForeignBuilder
from xnorkit.reference import thresholds
from xnorkit.runtime.session import Session

Array = np.ndarray[Any, Any]
conventions = st.builds(
    Convention,
    conv_axes=st.sampled_from(["OHWI", "OIHW", "HWIO", "IHWO"]),
    dense_axes=st.sampled_from(["OI", "IO"]),
    flat_order=st.sampled_from(["HWC", "CHW"]),
    weights=st.sampled_from(["real", "bits", "packed"]),
    one=st.sampled_from([-1, 1]),
    bit_order=st.sampled_from(["little", "big"]),
)


def written(read: Convention, w: Array) -> tuple[Array, tuple[int, ...]]:
    """-1/+1 weights in the convention's axes, as it writes them down."""
    bits = (w == read.one).astype(np.uint8)
    if read.weights == "packed":
        return np.packbits(bits.ravel(), bitorder=read.bit_order), w.shape
    return (0.3 * w if read.weights == "real" else bits), w.shape


@given(conventions, st.integers(0, 2**32 - 1))
def test_weights_are_read_as_they_were_written(read: Convention, seed: int) -> None:
    rng = np.random.default_rng(seed)
    conv = rng.choice(np.int8([-1, 1]), tuple(rng.integers(1, 6, 4)))
    theirs = conv.transpose(["OHWI".index(axis) for axis in read.conv_axes])
    assert (read.conv_weight(*written(read, theirs)) == conv).all()

    out, h, w, c = rng.integers(1, 5, 4)
    dense = rng.choice(np.int8([-1, 1]), (out, h, w, c))
    flat = dense if read.flat_order == "HWC" else dense.transpose(0, 3, 1, 2)
    theirs = flat.reshape(out, -1) if read.dense_axes == "OI" else flat.reshape(out, -1).T
    array, shape = written(read, theirs)
    assert (read.dense_weight(array, (shape[0], shape[1]), (h, w, c)) == dense.reshape(out, -1)).all()


COMPARE = {">=": np.greater_equal, ">": np.greater, "<=": np.less_equal, "<": np.less}
TURNED = {">=": "<=", ">": "<", "<=": ">=", "<": ">"}


@given(
    st.sampled_from(list(COMPARE)),
    st.sampled_from(["sum", "matches"]),
    st.integers(1, 40),
    st.lists(st.one_of(st.integers(-50, 50), st.floats(allow_nan=False)), min_size=1, max_size=5),
)
def test_thresholds_decide_as_the_foreign_comparison(plus: Any, counts: Any, n: int, given: list[float]) -> None:
    t, turned = np.array(given, np.float64), np.arange(len(given)) % 2 == 1
    threshold, flip = Convention(counts=counts, plus_when=plus).threshold(t, n, turned)
    sums = np.arange(-n, n + 1, 2)[:, None]
    count = sums if counts == "sum" else (sums + n) // 2
    expected = np.where(turned, COMPARE[TURNED[plus]](count, t), COMPARE[plus](count, t))
    got = thresholds.apply((sums + np.zeros(len(t), int)).astype(np.int32), threshold, flip)
    np.testing.assert_array_equal(got > 0, expected)


def same(x: Array, w: Array, stride: int, pad: float) -> Array:
    """TensorFlow's SAME convolution, ``(N, H, W, C)`` and ``(kH, kW, I, O)``, tap by tap in float64."""
    n, h, width, _ = x.shape
    kh, kw, _, out = w.shape
    ho, wo = -(-h // stride), -(-width // stride)
    down, right = max((ho - 1) * stride + kh - h, 0), max((wo - 1) * stride + kw - width, 0)
    sides = ((0, 0), (down // 2, down - down // 2), (right // 2, right - right // 2), (0, 0))
    padded = np.pad(x.astype(np.float64), sides, constant_values=pad)
    y = np.zeros((n, ho, wo, out))
    for i, j in product(range(kh), range(kw)):
        y += padded[:, i : i + (ho - 1) * stride + 1 : stride, j : j + (wo - 1) * stride + 1 : stride] @ w[i, j]
    return y


def plus_minus(x: Array) -> Array:
    return np.where(x < 0, -1.0, 1.0)


@pytest.mark.parametrize("pad", [0, 1, -1])
@pytest.mark.parametrize("stride", [1, 2])
def test_a_net_of_keras_arrays(stride: int, pad: int) -> None:
    rng = np.random.default_rng(stride)
    k0, k1, k2 = (rng.normal(size=s) for s in ((3, 3, 2, 8), (4, 3, 8, 16), (16 * (4 if stride == 2 else 16), 5)))
    norms = [BatchNorm(rng.normal(size=c), rng.random(c) + 0.1, rng.normal(size=c), rng.normal(size=c), 1e-3)
             for c in (8, 16, 5)]  # fmt: skip
    b = ForeignBuilder(replace(CONVENTIONS["larq"], pad_value=pad))
    x = b.sign(b.float_conv(b.image("image", (9, 8, 2), "signed"), k0, padding="same"), norms[0])
    x = b.sign(b.max_pool(b.conv(x, k1, padding="same", stride=stride), 2), norms[1])
    graph = b.graph([b.norm(b.dense(x, k2), norms[2])], {"classes": '["a","b","c","d","e"]'})
    assert [n.op for n in graph.nodes].count("threshold") == 1

    pixels = rng.integers(0, 256, (6, 9, 8, 2)).astype(np.uint8)
    y = (same(pixels / 127.5 - 1, k0, 1, 0.0) - norms[0].mean) / np.sqrt(np.asarray(norms[0].variance) + 1e-3)
    y = plus_minus(y * norms[0].gamma + norms[0].beta)
    y = same(y, plus_minus(k1), stride, pad)
    h, w = y.shape[1] // 2, y.shape[2] // 2
    y = y[:, : 2 * h, : 2 * w].reshape(6, h, 2, w, 2, 16).max((2, 4))
    y = plus_minus((y - norms[1].mean) / np.sqrt(np.asarray(norms[1].variance) + 1e-3) * norms[1].gamma + norms[1].beta)
    y = y.reshape(6, -1) @ plus_minus(k2)
    y = (y - norms[2].mean) / np.sqrt(np.asarray(norms[2].variance) + 1e-3) * norms[2].gamma + norms[2].beta
    np.testing.assert_allclose(Session(graph)(pixels), y, rtol=1e-5, atol=1e-5)


def test_a_net_of_bits_and_popcounts() -> None:
    """As an FPGA runs it: bits in, XNOR, popcount, count >= threshold, features in (C, H, W) order."""
    rng = np.random.default_rng(5)
    k0, k1, k2 = (rng.integers(0, 2, s).astype(np.uint8) for s in ((16, 1, 3, 3), (8, 16, 3, 3), (4, 8 * 3 * 3)))
    t0, t1, t2 = rng.integers(2, 8, 16), rng.integers(60, 85, 8), rng.integers(30, 42, 4)
    b = ForeignBuilder(CONVENTIONS["finn"])
    x = b.sign(b.image("image", (10, 10, 1), (2.0, -255.0)))
    x = b.max_pool(b.threshold(b.conv(x, k0), t0), 2, stride=1)
    x = b.threshold(b.conv(x, k1, stride=2), t1)
    graph = b.graph([b.threshold(b.dense(x, k2), t2)])

    def layer(bits: Array, weight: Array, t: Array, stride: int) -> Array:
        o, _, kh, kw = weight.shape
        ho, wo = (bits.shape[2] - kh) // stride + 1, (bits.shape[3] - kw) // stride + 1
        found = np.zeros((len(bits), o, ho, wo), int)
        for y, z in product(range(ho), range(wo)):
            window = bits[:, None, :, y * stride : y * stride + kh, z * stride : z * stride + kw]
            found[:, :, y, z] = (window == weight).sum((2, 3, 4))
        return (found >= t[:, None, None]).astype(int)

    pixels = rng.integers(0, 256, (9, 10, 10, 1)).astype(np.uint8)
    bits = (pixels >= 128).astype(int).transpose(0, 3, 1, 2)
    y = layer(bits, k0, t0, 1)
    y = np.maximum.reduce([y[:, :, i : i + 7, j : j + 7] for i in (0, 1) for j in (0, 1)])
    y = layer(y, k1, t1, 2).reshape(9, -1)
    expected = (y[:, None] == k2).sum(2) >= t2
    np.testing.assert_array_equal(np.asarray(Session(graph)(pixels)) > 0, expected)


def test_mistakes_are_named() -> None:
    with pytest.raises(RangeError, match="an order of OHWI"):
        Convention(conv_axes="NHWC")
    with pytest.raises(RangeError, match="plus_when"):
        Convention(plus_when="==")  # type: ignore[arg-type]
    with pytest.raises(RangeError, match="0 and 1"):
        CONVENTIONS["finn"].signs(np.array([2.0]), (1,))
    with pytest.raises(ShapeError, match=r"uint8\[2\] for \(3, 3\)"):
        CONVENTIONS["xnorkit"].signs(np.zeros(3, np.uint8), (3, 3))
    with pytest.raises(RangeError, match="NaN"):
        CONVENTIONS["larq"].signs(np.array([np.nan]), (1,))
    b = ForeignBuilder(CONVENTIONS["finn"])
    image = b.image("image", (6, 6, 1))
    with pytest.raises(GraphError):  # floats into a binary layer
        b.conv(image, np.zeros((2, 1, 3, 3)))
    bits = b.sign(image)
    padded = b.conv(bits, np.zeros((2, 1, 3, 3)), padding=1)
    with pytest.raises(RangeError, match="a 0 matches nothing"):
        b.threshold(padded, [1, 2])
    with pytest.raises(RangeError, match="what conv or dense returned"):
        b.threshold(b.max_pool(padded, 2), [1, 2])
    with pytest.raises(ShapeError, match="input features"):
        b.dense(bits, np.zeros((3, 35)))
    with pytest.raises(RangeError, match="same, valid"):
        b.conv(bits, np.zeros((2, 1, 3, 3)), padding="full")
    with pytest.raises(RangeError, match="variance"):
        b.norm(padded, BatchNorm(np.zeros(2), np.array([-1.0, 1.0])))
