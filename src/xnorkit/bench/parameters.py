"""Random weights of a net of the table, the same for every system, one layer at a time.

Binary form: every number is a multiple of a power of two with few bits, such that all float sums up to the last sign
are exact in float32 whatever the order of additions and whether multiply-adds are fused. So every system that computes
the net rightly takes the same signs, and answers may be compared without tolerance for flipped bits.
Float form: He's normal weights (He et al. 2015) and small biases.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .nets import IMAGE, Form, Layer, Net, Shape

Array = NDArray[Any]

PIXEL_SCALE = 2.0**-8
"""A float net's input is pixel * PIXEL_SCALE, an exact float32 of four bits: pixels are multiples of 16."""
STEM_SCALE = 2.0**-3
"""A stem weight is an integer -7..7 times it."""
CLASSIFIER_SCALE = 2.0**-10
"""A weight of the last layer is an integer -127..127 times it."""


def as_float(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """The picture as the float nets see it, in [0, 1)."""
    return pixels.astype(np.float32) * np.float32(PIXEL_SCALE)


def parameters(net: Net, form: Form, layer: Layer, shapes: dict[str, Shape], seed: int) -> dict[str, Array]:
    """Tensors of one layer: none, or

    conv: weight ``(O, kH, kW, C)``; dense: ``(O, C)``; int8 -1/+1 when binary, else float32 with bias ``(O,)``;
    norm: scale and bias ``(C,)`` float32, y = x * scale + bias.

    >>> from .nets import NETS
    >>> net = NETS["net_alexnet_xnor_224"]
    >>> stem = parameters(net, "binary", net.binary[0], net.shapes("binary"), seed=1)
    >>> stem["weight"].shape, float(abs(stem["weight"]).max())
    ((96, 11, 11, 3), 0.875)
    """
    layers = net.layers(form)
    rng = np.random.default_rng([seed, 1 + layers.index(layer)])
    channels = shapes[layer.inputs[0]][2]
    if layer.op == "norm":
        return _norm(rng, layer, {other.name: other for other in layers}, shapes)
    if layer.op not in ("conv", "dense"):
        return {}
    window = (layer.kernel, layer.kernel) if layer.op == "conv" else ()
    shape = (layer.channels, *window, channels)
    if layer.binary:
        return {"weight": (rng.integers(0, 2, shape, np.int8) * 2 - 1).astype(np.int8)}
    return _he(rng, shape) if form == "float" else _exact(rng, layer, shape)


def _he(rng: np.random.Generator, shape: tuple[int, ...]) -> dict[str, Array]:
    deviation = np.float32(np.sqrt(2 / np.prod(shape[1:])))
    return {
        "weight": rng.standard_normal(shape, np.float32) * deviation,
        "bias": rng.standard_normal(shape[0], np.float32) * np.float32(0.05),
    }


def _exact(rng: np.random.Generator, layer: Layer, shape: tuple[int, ...]) -> dict[str, Array]:
    """Float layers of a binary net: the stem, a shortcut, the classifier."""
    bias = rng.integers(-8, 9, shape[0]) / 16
    if layer.inputs == (IMAGE,):
        weight = rng.integers(-7, 8, shape) * STEM_SCALE
        bias = bias - np.round(weight.sum(axis=(1, 2, 3)) * 8) / 16  # pixels have the mean .47: centre the sums,
        if layer.stride > 1:  # or their maxima over 3x3 windows, which lie 1.3 deviations above
            bias = bias - np.round(0.2 * np.sqrt(np.prod(shape[1:])) * 16) / 16
    elif layer.op == "conv":  # few inputs each, so that the stream's numbers stay short
        weight = np.zeros(shape)
        weight[np.arange(shape[0])[:, None], 0, 0, rng.integers(0, shape[3], (shape[0], 4))] = rng.choice(
            (-0.5, 0.5), (shape[0], 4)
        )
    else:
        weight = rng.integers(-127, 128, shape) * CLASSIFIER_SCALE
    return {"weight": weight.astype(np.float32), "bias": bias.astype(np.float32)}


def _norm(rng: np.random.Generator, layer: Layer, by_name: dict[str, Layer],
          shapes: dict[str, Shape]) -> dict[str, Array]:  # fmt: skip
    """Scales of about 1 / the deviation of a sum of +-1 products, a tenth of them negative."""
    product = by_name[layer.inputs[0]]
    while product.op not in ("conv", "dense"):
        product = by_name[product.inputs[0]]
    terms = product.kernel**2 * shapes[product.inputs[0]][2]
    channels = shapes[layer.name][2]
    scale = 2.0 ** -np.round(np.log2(terms) / 2) * rng.choice((0.5, 1.0), channels)
    scale *= np.where(rng.random(channels) < 0.1, -1, 1)
    return {"scale": scale.astype(np.float32), "bias": (rng.integers(-8, 9, channels) / 16).astype(np.float32)}
