"""Small networks the runtime's tests share."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from xnorkit.graph.build import GraphBuilder
from xnorkit.graph.ir import Graph

RNG = np.random.default_rng(1998)


def signs(*shape: int) -> NDArray[np.int8]:
    return RNG.choice(np.array([-1, 1], np.int8), shape)


def floats(*shape: int) -> NDArray[np.float32]:
    return RNG.normal(size=shape).astype(np.float32)


def threshold(channels: int) -> dict[str, NDArray[np.generic]]:
    return {"threshold": RNG.integers(-9, 9, channels, dtype=np.int32), "flip": signs(channels)}


def convnet(channels: int = 20) -> Graph:
    """uint8 pictures (12, 12, 1) to 7 scores: int8 stem, pool, packed convolution, residual, odd flatten, dense."""
    b = GraphBuilder()
    x = b.input("x", "u8", (12, 12, 1))
    same = {"out_channels": channels, "kernel": (3, 3), "padding": (1, 1, 1, 1)}
    weight = RNG.integers(-127, 128, (channels, 3, 3, 1)).astype(np.int8)
    stem = b.add("threshold", b.add("qconv2d", x, tensors={"weight": weight}, **same), tensors=threshold(channels))
    pooled = b.add("max_pool2d", stem, kernel=(2, 2), stride=(2, 2), name="pooled")
    acc = b.add("bconv2d", pooled, tensors={"weight": signs(channels, 3, 3, channels)}, name="acc", **same)
    scaled = b.add("affine", acc, tensors={"scale": floats(channels), "bias": floats(channels)})
    skip = b.add("affine", pooled, tensors={"scale": floats(channels), "bias": floats(channels)})
    total = b.add("add", scaled, skip, name="total")
    flat = b.add("flatten", b.add("sign", total), name="flat")
    hidden = b.add("bdense", flat, out_features=33, tensors={"weight": signs(33, 36 * channels)})
    packed = b.add("threshold", hidden, tensors=threshold(33), name="packed")
    scores = b.add(
        "qdense", packed, out_features=7, tensors={"weight": RNG.integers(-127, 128, (7, 33)).astype(np.int8)}
    )
    return b.graph([b.add("affine", scores, tensors={"scale": floats(7), "bias": floats(7)}, name="scores")])


def pictures(count: int) -> NDArray[np.uint8]:
    return RNG.integers(0, 256, (count, 12, 12, 1), dtype=np.uint8)


def sign_net(shape: tuple[int, int, int] = (1, 1, 4)) -> Graph:
    b = GraphBuilder()
    return b.graph([b.add("sign", b.input("x", "f32", shape), name="y")])
