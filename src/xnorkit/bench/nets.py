"""THE NET TABLE: whole networks as neutral lists of layers, from which every system of the bench builds the same net.

Each net stands twice: binary, as its paper has it (first and last layers not binary), and as the ordinary float net
of the same architecture, which is what fp32 and int8 systems run.

- AlexNet: XNOR-Net (Rastegari et al. 2016), channels 96-256-384-384-256, no groups; block: conv, pool, norm, sign.
- ResNet-18: Bi-Real-18 (Liu et al. 2018): a float shortcut around every binary 3x3 convolution, downsampled by a 2x2
  average pool and a float 1x1 convolution; its float twin is the usual ResNet-18, a shortcut per two convolutions.
- VGG-16: configuration D (Simonyan and Zisserman 2014) with 4096-wide dense layers.

Batch norms behind float convolutions are folded into weights and bias, as every runtime does.

>>> net = NETS["net_resnet18_xnor_224"]
>>> sum(layer.binary for layer in net.binary), net.shapes("binary")["stem"]
(16, (112, 112, 64))
>>> round(net.multiply_adds("binary") / 1e9, 2)
1.81
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ..reference.shapes import window_output

LayerOp = Literal[
    "conv", "dense", "norm", "sign", "relu", "max_pool", "avg_pool", "global_avg_pool", "add", "flatten"
]  # fmt: skip
Form = Literal["binary", "float"]
Shape = tuple[int, int, int]

IMAGE = "image"
"""Name of the input: one picture, (size, size, 3)."""
CLASSES = 1000


@dataclass(frozen=True)
class Layer:
    """One layer. Convolutions and dense layers have a bias unless ``binary``; a binary one meets +-1 inputs.

    inputs: names of earlier layers, or ``IMAGE``. channels: outputs of conv and dense.
    kernel, stride, padding: of square windows; padding on all four sides, zeros (a pool's padding never wins).
    """

    name: str
    op: LayerOp
    inputs: tuple[str, ...]
    channels: int = 0
    kernel: int = 1
    stride: int = 1
    padding: int = 0
    binary: bool = False


@dataclass(frozen=True)
class Net:
    """One architecture in both forms; the last layer is the output, (1, 1, CLASSES)."""

    name: str
    binary: tuple[Layer, ...]
    float: tuple[Layer, ...]
    size: int = 224

    def layers(self, form: Form) -> tuple[Layer, ...]:
        """The list of that form."""
        return self.binary if form == "binary" else self.float

    def shapes(self, form: Form, size: int | None = None) -> dict[str, Shape]:
        """(H, W, C) of the image and of every layer's output for a picture of ``size``.

        Raises ShapeError where a window does not fit.
        """
        side = size or self.size
        found: dict[str, Shape] = {IMAGE: (side, side, 3)}
        for layer in self.layers(form):
            found[layer.name] = _output(layer, found[layer.inputs[0]])
        return found

    def multiply_adds(self, form: Form, size: int | None = None) -> int:
        """Multiply-adds of all convolutions and dense layers."""
        shapes, total = self.shapes(form, size), 0
        for layer in self.layers(form):
            if layer.op in ("conv", "dense"):
                h, w, c = shapes[layer.name]
                total += h * w * c * layer.kernel**2 * shapes[layer.inputs[0]][2]
        return total


def _output(layer: Layer, shape: Shape) -> Shape:
    h, w, c = shape
    if layer.op == "dense":
        return 1, 1, layer.channels
    if layer.op == "flatten":
        return 1, 1, h * w * c
    if layer.op == "global_avg_pool":
        return 1, 1, c
    if layer.op in ("conv", "max_pool", "avg_pool"):
        window = (layer.kernel,) * 2, (layer.stride,) * 2, (layer.padding,) * 4, (1, 1)
        return *window_output((h, w), *window), layer.channels or c
    return shape


class _Stack:
    """Collects layers; each reads the one before unless told otherwise."""

    def __init__(self) -> None:
        self.layers: list[Layer] = []
        self.last = IMAGE

    def add(self, op: LayerOp, name: str, *inputs: str, channels: int = 0, kernel: int = 1, stride: int = 1,
            padding: int = 0, binary: bool = False) -> str:  # fmt: skip
        reads = inputs or (self.last,)
        self.layers.append(Layer(name, op, reads, channels, kernel, stride, padding, binary))
        self.last = name
        return name

    def conv(self, name: str, channels: int, kernel: int, stride: int = 1, binary: bool = False) -> str:
        return self.add("conv", name, channels=channels, kernel=kernel, stride=stride, padding=kernel // 2,
                        binary=binary)  # fmt: skip

    def norm_sign(self, name: str) -> None:
        self.add("norm", f"{name}.norm")
        self.add("sign", f"{name}.sign")

    def pool(self, name: str, kernel: int, stride: int, padding: int = 0) -> str:
        return self.add("max_pool", f"{name}.pool", kernel=kernel, stride=stride, padding=padding)


def _head(s: _Stack, binary: bool) -> None:
    """Flatten, two layers of 4096, the float classifier."""
    s.add("flatten", "flat")
    for name in ("fc6", "fc7"):
        s.add("dense", name, channels=4096, binary=binary)
        if binary:
            s.add("norm", f"{name}.norm")
        if binary and name == "fc6":
            s.add("sign", f"{name}.sign")
        else:
            s.add("relu", f"{name}.relu")
    s.add("dense", "fc8", channels=CLASSES)


def _alexnet(binary: bool) -> tuple[Layer, ...]:
    s = _Stack()
    s.add("conv", "stem", channels=96, kernel=11, stride=4, padding=2)
    if not binary:
        s.add("relu", "stem.relu")
    s.pool("stem", 3, 2)
    if binary:
        s.add("sign", "stem.sign")
    for name, channels, kernel, pooled in (
        ("conv2", 256, 5, True),
        ("conv3", 384, 3, False),
        ("conv4", 384, 3, False),
        ("conv5", 256, 3, True),
    ):
        s.conv(name, channels, kernel, binary=binary)
        if not binary:
            s.add("relu", f"{name}.relu")
        if pooled:
            s.pool(name, 3, 2)
        if binary:
            s.norm_sign(name)
    _head(s, binary)
    return tuple(s.layers)


def _vgg16(binary: bool) -> tuple[Layer, ...]:
    s = _Stack()
    for stage, (channels, count) in enumerate(((64, 2), (128, 2), (256, 3), (512, 3), (512, 3)), start=1):
        for i in range(1, count + 1):
            first = stage == i == 1
            name = "stem" if first else f"conv{stage}_{i}"
            s.conv(name, channels, 3, binary=binary and not first)
            if not binary:
                s.add("relu", f"{name}.relu")
            if i == count:
                s.pool(name, 2, 2)
            if binary and first:
                s.add("sign", f"{name}.sign")
            elif binary:
                s.norm_sign(name)
    _head(s, binary)
    return tuple(s.layers)


RESNET_STAGES = ((64, 1), (128, 2), (256, 2), (512, 2))
"""Channels and first stride of the four stages of two blocks, two 3x3 convolutions each."""


def _resnet18_binary() -> tuple[Layer, ...]:
    s = _Stack()
    s.conv("stem", 64, 7, 2)
    value = s.pool("stem", 3, 2, 1)
    for stage, (channels, first_stride) in enumerate(RESNET_STAGES, start=1):
        for i in range(1, 5):
            name, stride = f"conv{stage}_{i}", first_stride if i == 1 else 1
            s.add("sign", f"{name}.sign", value)
            s.conv(name, channels, 3, stride, binary=True)
            branch = s.add("norm", f"{name}.norm")
            if stride > 1:
                s.add("avg_pool", f"{name}.down", value, kernel=2, stride=2)
                value = s.conv(f"{name}.shortcut", channels, 1)
            value = s.add("add", f"{name}.sum", branch, value)
    s.add("global_avg_pool", "mean")
    s.add("dense", "fc", channels=CLASSES)
    return tuple(s.layers)


def _resnet18_float() -> tuple[Layer, ...]:
    s = _Stack()
    s.conv("stem", 64, 7, 2)
    s.add("relu", "stem.relu")
    value = s.pool("stem", 3, 2, 1)
    for stage, (channels, first_stride) in enumerate(RESNET_STAGES, start=1):
        for block in (1, 2):
            name, stride = f"block{stage}_{block}", first_stride if block == 1 else 1
            s.conv(f"{name}.a", channels, 3, stride)
            s.add("relu", f"{name}.a.relu")
            branch = s.conv(f"{name}.b", channels, 3)
            if stride > 1:
                value = s.add("conv", f"{name}.shortcut", value, channels=channels, stride=stride)
            s.add("add", f"{name}.sum", branch, value)
            value = s.add("relu", f"{name}.relu")
    s.add("global_avg_pool", "mean")
    s.add("dense", "fc", channels=CLASSES)
    return tuple(s.layers)


_ROWS = (
    Net("net_alexnet_xnor_224", _alexnet(True), _alexnet(False)),
    Net("net_resnet18_xnor_224", _resnet18_binary(), _resnet18_float()),
    Net("net_vgg16_xnor_224", _vgg16(True), _vgg16(False)),
)

NETS: dict[str, Net] = {net.name: net for net in _ROWS}
