"""Few-bit layers on every engine row: random shapes, planes, codes, epilogues; equal to the reference.

Sizes cross what the kernels cut: panels of 64 channels, chunks of 64 groups of four inputs, blocks of 64 pixels,
words of eight quads, and the 16 rows of a dense layer's block.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from implementations import IMPLEMENTATIONS, Implementation

from xnorkit.graph.build import GraphBuilder
from xnorkit.reference import activations, thresholds, wbits
from xnorkit.reference.conventions import sign

CONFIGURATIONS = 150
SESSIONS = [row for row in IMPLEMENTATIONS if row.run is not None and row.name.startswith("engine")]
CHANNELS = (1, 2, 3, 4, 5, 15, 16, 17, 31, 33, 64, 65, 96, 130, 300)


def _layer(rng: np.random.Generator, dtype: str) -> tuple[tuple[int, int, int, int], dict[str, Any]]:
    """Input shape and attributes of a convolution."""
    groups = int(rng.choice((1, 1, 1, 2, 3)))
    kernel = (3, 3) if rng.random() < 0.5 else (int(rng.integers(1, 5)), int(rng.integers(1, 4)))
    channels = groups * int(rng.choice(CHANNELS))
    padding = tuple(int(rng.integers(0, 3)) for _ in range(4))
    width = 70 if rng.random() < 0.1 and channels < 20 else int(rng.integers(4, 10))
    levels = "ternary" if rng.random() < 0.25 else "sum"
    attrs = {"out_channels": groups * int(rng.integers(1, 80)), "kernel": kernel, "padding": padding, "groups": groups,
             "stride": (int(rng.integers(1, 3)), int(rng.integers(1, 4))), "dilation": (int(rng.integers(1, 3)), 1),
             "levels": levels, "planes": 2 if levels == "ternary" else int(rng.integers(1, 5))}  # fmt: skip
    if dtype == "u8":
        attrs |= {"activation_bits": int(rng.integers(1, 9)),
                  "activation_levels": str(rng.choice(("unsigned", "signed")))}  # fmt: skip
    return (int(rng.integers(1, 3)), int(rng.integers(7, 10)), width, channels), attrs


def _values(rng: np.random.Generator, dtype: str, shape: tuple[int, ...]) -> np.ndarray:
    if dtype == "u8":  # the largest sums of every table among them
        return np.full(shape, 255, np.uint8) if rng.random() < 0.1 else rng.integers(0, 256, shape, np.uint8)
    return rng.standard_normal(shape).astype(np.float32)


def _signs(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    signs = (1 - 2 * rng.integers(0, 2, shape)).astype(np.int8)
    if rng.random() < 0.2:
        signs[:] = rng.choice((-1, 1))
    return signs


@pytest.mark.parametrize("dtype", ["u8", "f32"])
@pytest.mark.parametrize("row", SESSIONS, ids=lambda row: row.name)
def test_convolutions(row: Implementation, dtype: str) -> None:
    if row.missing:
        pytest.skip(f"this CPU lacks {row.missing}")
    for number in range(CONFIGURATIONS):
        rng = np.random.default_rng((number, dtype == "u8"))
        shape, attrs = _layer(rng, dtype)
        x = _values(rng, dtype, shape)
        o = attrs["out_channels"]
        w = _signs(rng, (attrs["planes"], o, *attrs["kernel"], shape[3] // attrs["groups"]))
        expected = wbits.wconv2d(
            x, w, **{k: v for k, v in attrs.items() if k not in ("out_channels", "kernel", "planes")}
        )
        b = GraphBuilder()
        y = b.add("wconv2d", b.input("x", dtype, shape[1:]), tensors={"weight": w}, **attrs)
        y, expected = _epilogue(rng, b, y, expected) if dtype == "u8" else _chain(rng, b, y, expected)
        np.testing.assert_array_equal(row.run(b.graph([y]), x), expected, err_msg=f"case {number}: {shape} {attrs}")


def _epilogue(rng: np.random.Generator, b: GraphBuilder, y: str, acc: np.ndarray) -> tuple[str, np.ndarray]:
    channels, kind = acc.shape[3], int(rng.integers(3))
    if kind == 0:
        return y, acc
    if kind == 1:
        t = {"threshold": rng.integers(-900, 900, channels, np.int32), "flip": _signs(rng, (channels,))}
        return b.add("threshold", y, tensors=t), thresholds.apply(acc, **t)
    a = {name: rng.standard_normal(channels).astype(np.float32) for name in ("scale", "bias")}
    return b.add("affine", y, tensors=a), activations.affine(acc, a["scale"], a["bias"])


def _chain(rng: np.random.Generator, b: GraphBuilder, y: str, x: np.ndarray) -> tuple[str, np.ndarray]:
    """What follows float sums: nothing, or batch norm's affine and a ReLU, and perhaps the signs."""
    kind, (scale, bias) = int(rng.integers(3)), rng.standard_normal((2, x.shape[3])).astype(np.float32)
    if kind == 0:
        return y, x
    y = b.add("affine", y, tensors={"scale": scale, "bias": bias})
    x = activations.affine(x, scale, bias)
    if kind == 1:
        return b.add("relu", y), activations.relu(x)
    return b.add("sign", y), sign(x)


@pytest.mark.parametrize("dtype", ["u8", "f32"])
@pytest.mark.parametrize("row", SESSIONS, ids=lambda row: row.name)
def test_dense(row: Implementation, dtype: str) -> None:
    if row.missing:
        pytest.skip(f"this CPU lacks {row.missing}")
    for number in range(40):
        rng = np.random.default_rng((7, number))
        batch, channels, o = int(rng.integers(1, 40)), int(rng.integers(1, 700)), int(rng.integers(1, 150))
        x, w = _values(rng, dtype, (batch, 1, 1, channels)), _signs(rng, (2, o, channels))
        b = GraphBuilder()
        y = b.add("wdense", b.input("x", dtype, (1, 1, channels)), out_features=o, planes=2, tensors={"weight": w})
        message = f"case {number}: {batch}x{channels}x{o}"
        np.testing.assert_array_equal(row.run(b.graph([y]), x), wbits.wdense(x, w), err_msg=message)
