"""Every operation has a reason or none by design; sentences name what stands in the way."""

from __future__ import annotations

import numpy as np
import pytest

from xnorkit.graph.build import GraphBuilder
from xnorkit.graph.reasons import WHY, reason
from xnorkit.reference.ops import OPS


def test_every_operation_is_told() -> None:
    assert set(WHY) == set(OPS) - {"input", "threshold"}


def signs(channels: int, out: int) -> np.ndarray:
    return np.random.default_rng(0).choice(np.int8([-1, 1]), (out, 3, 3, channels))


def conv(b: GraphBuilder, x: str, channels: int, name: str) -> str:
    return b.add("bconv2d", x, name=name, out_channels=8, kernel=(3, 3), padding=(1, 1, 1, 1),
                 tensors={"weight": signs(channels, 8)})  # fmt: skip


def test_sums_are_bits_where_thresholds_read_them() -> None:
    b = GraphBuilder()
    x = b.add("sign", b.input("x", "f32", (5, 5, 8)), name="first")
    one = conv(b, x, 8, "one")
    ones = {"threshold": np.zeros(8, np.int32), "flip": np.ones(8, np.int8)}
    two = conv(b, b.add("threshold", one, name="bits", tensors=ones), 8, "two")
    scale = {"scale": np.ones(8, np.float32), "bias": np.zeros(8, np.float32)}
    floats = b.add("affine", two, name="floats", tensors=scale)
    added = b.add("sign", b.add("add", floats, floats, name="sum"), name="second")
    codes = b.add("multithreshold", conv(b, added, 8, "three"), name="codes", activation_bits=2,
                  tensors={"threshold": np.zeros((8, 3), np.int32), "flip": np.ones(8, np.int8)})  # fmt: skip
    pool = b.add("max_pool2d", codes, name="pool", kernel=(2, 2))
    last = conv(b, b.add("sign", floats, name="third"), 8, "last")
    graph = b.graph([pool, last])
    found = {node.name: reason(graph, node.name) for node in graph.nodes}
    assert found["one"] == found["bits"] == found["x"] == ""
    assert found["first"] == "sign of floats: its input is the input itself"
    assert found["two"] == "one-bit weights, whose sums leave as floats"
    assert found["second"] == "sign of floats: its input is a residual sum"
    assert found["third"] == "sign of floats: its input is read as a float elsewhere, too"
    assert found["three"] == "one-bit weights, whose sums leave as codes"
    assert found["pool"] == "max_pool2d of codes"
    assert found["last"] == "one-bit weights, whose sums are scores"


def test_joined_features_and_depthwise_windows_are_named() -> None:
    b = GraphBuilder()
    x = b.input("x", "f32", (5, 5, 4))
    ones = np.ones((4, 3, 3, 1), np.float32)
    window = b.add("conv2d", x, name="window", out_channels=4, kernel=(3, 3), groups=4, tensors={"weight": ones},
                   padding=(1, 1, 1, 1))  # fmt: skip
    full = b.add("conv2d", x, name="full", out_channels=1, kernel=(5, 5),
                 tensors={"weight": np.ones((1, 5, 5, 4), np.float32)})  # fmt: skip
    joined = b.add("sign", b.add("concat", x, window, name="joined"), name="bits")
    graph = b.graph([joined, full])
    assert reason(graph, "window") == "float32 weights, one window a channel (depthwise)"
    assert reason(graph, "full") == "float32 weights: BinaryConv2d would make them one-bit"
    assert reason(graph, "bits") == "sign of floats: its input is features joined as floats, which others read, too"


def test_an_unknown_node_is_refused() -> None:
    b = GraphBuilder()
    with pytest.raises(KeyError):
        reason(b.graph([b.input("x", "f32", (1, 1, 1))]), "y")
