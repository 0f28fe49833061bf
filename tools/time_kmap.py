"""Time a binary layer with XNOR-Net's K, fused and not, against the same layer without it: the table of decision 13.

python tools/time_kmap.py [TURNS]
"""

from __future__ import annotations

import sys

import numpy as np

from xnorkit.graph.build import GraphBuilder
from xnorkit.graph.ir import Graph
from xnorkit.runtime.session import Session

WINDOW = {"kernel": (3, 3), "padding": (1, 1, 1, 1)}


def layer(channels: int, size: int, with_kmap: bool) -> Graph:
    """Float in -> sign -> 3x3 convolution [-> K] -> affine -> float out."""
    rng, b = np.random.default_rng(0), GraphBuilder()
    x = b.input("x", "f32", (size, size, channels))
    factor = b.add("kmap", x, **WINDOW) if with_kmap else ""
    weight = rng.choice(np.array([-1, 1], np.int8), (channels, 3, 3, channels))
    y = b.add("bconv2d", b.add("sign", x), out_channels=channels, tensors={"weight": weight}, **WINDOW)
    y = b.add("scale_map", y, factor) if with_kmap else y
    vectors = {"scale": rng.normal(size=channels), "bias": rng.normal(size=channels)}
    return b.graph([b.add("affine", y, tensors={k: v.astype(np.float32) for k, v in vectors.items()})])


def main(turns: int) -> None:
    for channels, size in ((64, 56), (256, 14)):
        x = np.random.default_rng(1).normal(size=(1, size, size, channels)).astype(np.float32)
        sessions = {
            "without K": Session(layer(channels, size, False)),
            "with K": Session(layer(channels, size, True)),
            "with K, unfused": Session(layer(channels, size, True), fuse=False),
        }
        best: dict[str, list[float]] = {}
        for _ in range(turns):
            for name, session in sessions.items():
                session(x)
                seconds = [row.seconds for row in session(x, profile=True)[1].rows]
                best[name] = [min(pair) for pair in zip(best.get(name, seconds), seconds, strict=True)]
        for name, seconds in best.items():
            steps = " + ".join(f"{s * 1e3:.4f}" for s in seconds)
            print(f"{channels}x{size} {name:16} {sum(seconds) * 1e3:.4f} ms = {steps}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 400)
