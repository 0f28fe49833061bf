"""LeNet-300-100, LeNet-5 of 1998 (6C5-16C5-120C5-84-10) and as Caffe has it (20C5-MP-50C5-MP-500-10), float and binary.

Sources: LeCun et al. 1998; Caffe's examples/mnist; Han et al. 2015 (431K and 267K parameters); binary LeNet-5:
jiecaoyu/XNOR-Net-PyTorch. Both take raw pixels 0..255, ``(N, in_chans, input_size, input_size)``.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

from torch import nn

from ..errors import ShapeError
from ..nn.quantizers import ActivationQuantizer, WeightQuantizer
from ..nn.schemes import Scheme
from .maker import layer_maker


def lenet_300_100(
    method: str | Scheme,
    num_classes: int,
    in_chans: int,
    *,
    input_size: int = 28,
    mean: Sequence[float] | float = 0.5,
    std: Sequence[float] | float = 0.5,
    weight: str | WeightQuantizer | None = None,
    activation: str | ActivationQuantizer | None = None,
) -> nn.Sequential:
    """Two hidden dense layers of 300 and 100.

    fp32    pixels -> 300 -> ReLU -> 100 -> ReLU -> classes (266,610 parameters for 28x28x1 and 10 classes)
    binary  int8 300 -> BN -> [sign] binary 100 -> BN -> [sign] int8 classes
    """
    make = layer_maker(method, weight, activation)
    features = in_chans * input_size * input_size
    head: list[tuple[str, nn.Module]] = [("pixels", make.pixels(in_chans, mean, std)), ("flatten", nn.Flatten())]
    if make.scheme.signed:
        body = [("fc1", make.first_linear(features, 300)), ("norm1", make.norm1d(300)),
                ("fc2", make.hidden_linear(300, 100)), ("norm2", make.norm1d(100))]  # fmt: skip
    else:
        body = [("fc1", make.first_linear(features, 300, bias=True)), ("relu1", nn.ReLU()),
                ("fc2", make.hidden_linear(300, 100, bias=True)), ("relu2", nn.ReLU())]  # fmt: skip
    return nn.Sequential(OrderedDict([*head, *body, ("fc3", make.last_linear(100, num_classes))]))


def lenet5(
    method: str | Scheme,
    num_classes: int,
    in_chans: int,
    *,
    input_size: int = 28,
    mean: Sequence[float] | float = 0.5,
    std: Sequence[float] | float = 0.5,
    weight: str | WeightQuantizer | None = None,
    activation: str | ActivationQuantizer | None = None,
) -> nn.Sequential:
    """20C5-MP2-50C5-MP2-500-classes.

    fp32    conv -> pool -> conv -> pool -> 500 -> ReLU -> classes, as Caffe has it: no activation after
            the convolutions (431,080 parameters and 2,293,000 multiply-adds for 28x28x1 and 10 classes)
    binary  XNOR-Net's block order B-A-C-P: int8 conv -> pool -> BN -> [sign] binary conv -> pool -> BN -> sign ->
            flatten -> binary 500 -> BN -> [sign] int8 classes

    Raises ShapeError when the image is too small for the two convolutions and pools.
    """
    make = layer_maker(method, weight, activation)
    side = ((input_size - 4) // 2 - 4) // 2
    if side < 1:
        raise ShapeError("lenet5", "input_size", got=input_size, expected="at least 16")
    if make.scheme.signed:
        layers = [
            ("conv1", make.first_conv(in_chans, 20, 5)), ("pool1", nn.MaxPool2d(2)), ("norm1", make.norm(20)),
            ("conv2", make.hidden_conv(20, 50, 5)), ("pool2", nn.MaxPool2d(2)), ("norm2", make.norm(50)),
            ("sign2", make.sign()), ("flatten", nn.Flatten()),
            ("fc1", make.hidden_linear(50 * side * side, 500, signed=True)), ("norm3", make.norm1d(500)),
        ]  # fmt: skip
    else:
        layers = [
            ("pixels", make.pixels(in_chans, mean, std)),
            ("conv1", make.first_conv(in_chans, 20, 5, bias=True)), ("pool1", nn.MaxPool2d(2)),
            ("conv2", make.hidden_conv(20, 50, 5, bias=True)), ("pool2", nn.MaxPool2d(2)), ("flatten", nn.Flatten()),
            ("fc1", make.hidden_linear(50 * side * side, 500, bias=True)), ("relu", nn.ReLU()),
        ]  # fmt: skip
    return nn.Sequential(OrderedDict([*layers, ("fc2", make.last_linear(500, num_classes))]))


def lenet5_1998(
    method: str | Scheme,
    num_classes: int,
    in_chans: int,
    *,
    input_size: int = 28,
    mean: Sequence[float] | float = 0.5,
    std: Sequence[float] | float = 0.5,
    weight: str | WeightQuantizer | None = None,
    activation: str | ActivationQuantizer | None = None,
) -> nn.Sequential:
    """6C5-S2-16C5-S2-120C5-84-classes on 32x32; smaller pictures get a black rim, MNIST's 28x28 one of 2 pixels.

    fp32    conv -> tanh -> 2x2 means, twice -> conv -> tanh -> 84 -> tanh -> classes (61,706 parameters and 416,520
            multiply-adds for one channel and 10 classes)
    binary  int8 conv -> pool -> BN -> [sign] binary conv -> pool -> BN -> [sign] binary conv -> BN -> sign -> flatten
            -> binary 84 -> BN -> [sign] int8 classes, max-pools in place of means
    others  fp32's order with max-pools and the scheme's layers

    Deviates: every map of the second convolution reads all six before it (in the source ten of sixteen read fewer);
    means have no trained factor; the last layer is linear in place of radial basis functions.
    Raises ShapeError for pictures larger than 32x32 or smaller than 20x20.
    """
    if not 20 <= input_size <= 32 or input_size % 2:
        raise ShapeError("lenet5_1998", "input_size", got=input_size, expected="an even number, 20 to 32")
    make = layer_maker(method, weight, activation)
    rim = (32 - input_size) // 2
    if make.scheme.signed:
        layers = [
            ("conv1", make.first_conv(in_chans, 6, 5, padding=rim)), ("pool1", nn.MaxPool2d(2)),
            ("norm1", make.norm(6)),
            ("conv2", make.hidden_conv(6, 16, 5)), ("pool2", nn.MaxPool2d(2)), ("norm2", make.norm(16)),
            ("conv3", make.hidden_conv(16, 120, 5)), ("norm3", make.norm(120)),
            ("sign3", make.sign()), ("flatten", nn.Flatten()),
            ("fc1", make.hidden_linear(120, 84, signed=True)), ("norm4", make.norm1d(84)),
        ]  # fmt: skip
    else:
        pool = nn.MaxPool2d if make.binary else nn.AvgPool2d
        act = nn.ReLU if make.binary else nn.Tanh
        layers = [
            ("pixels", make.pixels(in_chans, mean, std)),
            ("conv1", make.first_conv(in_chans, 6, 5, padding=rim, bias=True)), ("act1", act()), ("pool1", pool(2)),
            ("conv2", make.hidden_conv(6, 16, 5, bias=True)), ("act2", act()), ("pool2", pool(2)),
            ("conv3", make.hidden_conv(16, 120, 5, bias=True)), ("act3", act()), ("flatten", nn.Flatten()),
            ("fc1", make.hidden_linear(120, 84, bias=True)), ("act4", act()),
        ]  # fmt: skip
    return nn.Sequential(OrderedDict([*layers, ("fc2", make.last_linear(84, num_classes))]))
