"""Write tests/golden/: tiny files with every op and with every codec, and their dumps. Such files must load for ever.

    python tools/make_golden.py

The values are formulas, not random numbers, so that no library version changes them. Run it only when a new file
version or op is added; a golden file of an old version stays as it is under its own name.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xnorkit.graph.build import GraphBuilder
from xnorkit.graph.dump import dump
from xnorkit.graph.ir import Graph
from xnorkit.graph.store import save
from xnorkit.reference.codecs.table import CODECS
from xnorkit.reference.hashing import buckets_and_signs
from xnorkit.reference.linear import bfloat16

FOLDER = Path(__file__).resolve().parents[1] / "tests" / "golden"


def ramp(shape: tuple[int, ...], modulus: int = 7) -> NDArray[np.int64]:
    """0, 1, 2, ... modulo an odd number, minus its half, in the given shape."""
    size = int(np.prod(shape))
    return np.asarray(np.arange(size) * 3 % modulus - modulus // 2).reshape(shape)


def signs(*shape: int) -> NDArray[np.int8]:
    return np.where(ramp(shape) < 0, -1, 1).astype(np.int8)


def floats(*shape: int) -> NDArray[np.float32]:
    return (ramp(shape, 11) / 8).astype(np.float32)


def golden_graph() -> Graph:
    """Every op once or more: an integer stem, a binary trunk, a float branch on a second input, outputs."""
    b = GraphBuilder()
    image, extra = b.input("image", "u8", (8, 8, 3)), b.input("extra", "f32", (2, 2, 5))
    window: dict[str, Any] = {"kernel": (3, 3), "padding": (1, 1, 1, 1)}
    stem = b.add("qconv2d", image, name="stem", source="net.stem", out_channels=5, **window,
                 tensors={"weight": ramp((5, 3, 3, 3), 255).astype(np.int8)})  # fmt: skip
    bits = b.add(
        "threshold", stem, tensors={"threshold": np.array([-9, 0, 7, 400, -(2**31)], np.int32), "flip": signs(5)}
    )
    pooled = b.add("max_pool2d", bits, kernel=(2, 2), stride=(2, 2), tensors={"flip": signs(5)})
    acc = b.add("bconv2d", pooled, source="net.conv", out_channels=5, stride=(2, 2), pad_value=-1, **window,
                tensors={"weight": signs(5, 3, 3, 5)})  # fmt: skip
    scaled = b.add("affine", acc, tensors={"scale": floats(5), "bias": floats(5)})
    scaled = b.add("scale_map", scaled, b.add("kmap", extra, dilation=(2, 1), kernel=(2, 2), padding=(1, 0, 1, 1)))
    trunk = b.add("prelu", b.add("add", scaled, extra), tensors={"slope": floats(5)})
    side = b.add("conv2d", extra, out_channels=4, dilation=(1, 1), **window,
                 tensors={"weight": floats(4, 3, 3, 5), "bias": floats(4)})  # fmt: skip
    side = b.add("avg_pool2d", b.add("relu", side), kernel=(2, 2), count_include_pad=False)
    side = b.add("dense", b.add("tanh", side), out_features=2, tensors={"weight": floats(2, 4)})
    flat = b.add("flatten", b.add("sign", trunk))
    scores = b.add(
        "qdense", flat, name="scores", out_features=3, tensors={"weight": ramp((3, 20), 255).astype(np.int8)}
    )
    votes = b.add("bdense", flat, name="votes", out_features=2, tensors={"weight": signs(2, 20)})
    codes = b.add("multithreshold", stem, activation_bits=2,
                  tensors={"threshold": ramp((5, 3), 255).astype(np.int32), "flip": signs(5)})  # fmt: skip
    few = b.add("wconv2d", codes, out_channels=4, kernel=(8, 8), levels="ternary", planes=2, activation_bits=2,
                activation_levels="signed", tensors={"weight": signs(2, 4, 8, 8, 5)})  # fmt: skip
    few = b.add("affine", few, tensors={"scale": floats(4), "bias": floats(4)})
    few = b.add("quantize", few, activation_bits=3, tensors={"scale": floats(4), "bias": floats(4)})
    few = b.add("wdense", few, name="few", out_features=2, planes=3, tensors={"weight": signs(3, 2, 4)})
    mean = b.add("global_avg_pool2d", b.add("hardtanh", trunk))
    halves, eighths = bfloat16(floats(4, 5)), ramp((4, 5), 255).astype(np.int8)
    gated = b.add("scale_channels", trunk, mean, name="gated")
    both = b.add(
        "concat",
        b.add("dense_bf16", mean, out_features=4, tensors={"weight": halves, "bias": floats(4)}),
        b.add("dense_i8", mean, out_features=4, tensors={"weight": eighths, "scale": floats(4)}),
        name="both",
    )
    outputs = [
        scores,
        votes,
        few,
        b.add("sigmoid", mean, name="mean"),
        b.add("add", side, side, name="side"),
        both,
        gated,
        b.add(
            "pick_channels", b.add("pick_channels", gated, begin=1, out_channels=4, groups=2), begin=1, out_channels=2
        ),
    ]
    return b.graph(outputs, {"classes": "null\neins\nzwölf", "purpose": "golden"})


def coded_graph() -> Graph:
    """A dense layer of one input for every codec, with fields and with Huffman codes."""
    b = GraphBuilder()
    x, outputs, weights = b.input("x", "f32", (1, 1, 60)), [], {}
    few = np.where(ramp((12, 60), 13) > 3, floats(12, 60), np.float32(0))
    bucket, sign = buckets_and_signs(few.size, 40, seed=7)
    dealt = (floats(40)[bucket] * sign).reshape(few.shape)
    options = {"vector": {"segments": 6}, "hashed": {"buckets": 40, "seed": 7}, "sparse": {"gap_bits": 2},
               "sparse_shared": {"columns": 1}}  # fmt: skip
    for codec, row in CODECS.items():
        for huffman in (0, 1) if "huffman" in row.options else (None,):
            name = codec if huffman is None else f"{codec}_{huffman}"
            weight = dealt if codec == "hashed" else few
            outputs.append(b.add("dense", x, name=name, out_features=12, tensors={"weight": weight}))
            chosen = options.get(codec, {}) | ({} if huffman is None else {"huffman": huffman})
            weights[f"{name}.weight"] = row.encode(weight, chosen)
    return replace(b.graph(outputs), tensors=weights)


GOLDEN = {"every_op_v1": golden_graph, "every_codec_v2": coded_graph}
"""File -> what it holds."""


def main() -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, make in GOLDEN.items():
        graph = make()
        size = save(graph, FOLDER / f"{name}.xnor.safetensors")
        (FOLDER / f"{name}.txt").write_text(dump(graph) + "\n", encoding="utf-8")
        print(f"{name}: {size} bytes, {len(graph.nodes)} nodes")


if __name__ == "__main__":
    main()
