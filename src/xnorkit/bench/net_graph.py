"""A net of the table as a packed graph of ours, without torch."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ..errors import RangeError
from ..graph.build import GraphBuilder
from ..graph.ir import Graph
from ..graph.passes.pipeline import run_passes
from .nets import IMAGE, Layer, Net
from .parameters import CLASSIFIER_SCALE, PIXEL_SCALE, STEM_SCALE, parameters

Array = NDArray[Any]
Stem = Literal["f32", "int8"]

_PLAIN = {
    "sign": "sign",
    "relu": "relu",
    "add": "add",
    "flatten": "flatten",
    "global_avg_pool": "global_avg_pool2d",
    "norm": "affine",
}
_POOLS = {"max_pool": "max_pool2d", "avg_pool": "avg_pool2d"}


def build_graph(net: Net, seed: int, stem: Stem = "f32", size: int | None = None) -> Graph:
    """The binary form with random weights, through the passes of an export: norm and sign become thresholds.

    stem: "f32" reads float pictures; "int8" reads uint8 pixels, convolves them with int8 weights in integers, then
    scales, and keeps the classifier's weights in int8. Both compute the same numbers, exactly.
    size: side of the picture, 224 unless told.
    Raises RangeError for another stem.
    """
    if stem not in ("f32", "int8"):
        raise RangeError("bench", "stem", got=stem, expected="f32 or int8")
    builder = GraphBuilder()
    shapes = net.shapes("binary", size)
    builder.input(IMAGE, "u8" if stem == "int8" else "f32", shapes[IMAGE])
    names = {IMAGE: IMAGE}
    for layer in net.binary:
        tensors = parameters(net, "binary", layer, shapes, seed)
        add = _layer
        if stem == "int8" and layer.inputs == (IMAGE,):
            add = _int8_stem
        elif stem == "int8" and layer is net.binary[-1]:
            add = _int8_classifier
        names[layer.name] = add(builder, layer, [names[name] for name in layer.inputs], tensors)
    return run_passes(builder.graph([names[net.binary[-1].name]], {"name": net.name}))


def build_float_graph(net: Net, seed: int, size: int | None = None) -> Graph:
    """The float form on our own float layers: what fp32 and int8 systems are compared with."""
    builder = GraphBuilder()
    shapes = net.shapes("float", size)
    builder.input(IMAGE, "f32", shapes[IMAGE])
    for layer in net.float:
        _layer(builder, layer, list(layer.inputs), parameters(net, "float", layer, shapes, seed))
    return builder.graph([net.float[-1].name], {"name": net.name})


def _window(layer: Layer) -> dict[str, Any]:
    return {"kernel": (layer.kernel,) * 2, "stride": (layer.stride,) * 2, "padding": (layer.padding,) * 4}


def _layer(builder: GraphBuilder, layer: Layer, inputs: list[str], tensors: dict[str, Array]) -> str:
    if layer.op in _PLAIN:
        return builder.add(_PLAIN[layer.op], *inputs, name=layer.name, tensors=tensors)
    if layer.op in _POOLS:
        return builder.add(_POOLS[layer.op], *inputs, name=layer.name, **_window(layer))
    if layer.op == "dense":
        op = "bdense" if layer.binary else "dense"
        return builder.add(op, *inputs, name=layer.name, tensors=tensors, out_features=layer.channels)
    op = "bconv2d" if layer.binary else "conv2d"
    return builder.add(op, *inputs, name=layer.name, tensors=tensors, out_channels=layer.channels, **_window(layer))


def _int8_stem(builder: GraphBuilder, layer: Layer, inputs: list[str], tensors: dict[str, Array]) -> str:
    """The stem in integers: weights are small integers times STEM_SCALE, so nothing is lost."""
    weight = (tensors["weight"] / np.float32(STEM_SCALE)).astype(np.int8)
    sums = builder.add("qconv2d", *inputs, name=f"{layer.name}.sums", tensors={"weight": weight},
                       out_channels=layer.channels, **_window(layer))  # fmt: skip
    scale = np.full(layer.channels, STEM_SCALE * PIXEL_SCALE, np.float32)
    return builder.add("affine", sums, name=layer.name, tensors={"scale": scale, "bias": tensors["bias"]})


def _int8_classifier(builder: GraphBuilder, layer: Layer, inputs: list[str], tensors: dict[str, Array]) -> str:
    """The last layer with int8 weights: theirs are integers times a power of two, so the sums round alike."""
    weight = (tensors["weight"] / np.float32(CLASSIFIER_SCALE)).astype(np.int8)
    scale = np.full(layer.channels, CLASSIFIER_SCALE, np.float32)
    return builder.add("dense_i8", *inputs, name=layer.name, out_features=layer.channels,
                       tensors={"weight": weight, "scale": scale, "bias": tensors["bias"]})  # fmt: skip
