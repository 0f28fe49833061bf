"""Rules for layers with weights: the four ``xnorkit::`` operators and PyTorch's own convolution and linear."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, fx

from ...errors import RangeError
from ...reference.conventions import sign as sign_of
from .context import Lowering, Value, module_path


def _pair(value: Any) -> tuple[int, int]:
    numbers = [int(v) for v in value] if isinstance(value, (list, tuple)) else [int(value)]
    return (numbers[0], numbers[-1])


def _four(padding: Any) -> tuple[int, int, int, int]:
    top, left = _pair(padding)
    return (top, left, top, left)


def _weight(low: Lowering, argument: Any) -> NDArray[np.float32]:
    array: NDArray[np.float32] = low.constant(argument).detach().float().cpu().numpy()
    return array


def _conv_layout(weight: NDArray[Any]) -> NDArray[Any]:
    """torch ``(O, C/g, kH, kW)`` -> graph ``(O, kH, kW, C/g)``."""
    return np.ascontiguousarray(weight.transpose(0, 2, 3, 1))


def _columns(value: Value, weight: NDArray[Any]) -> NDArray[Any]:
    """torch ``(O, features)`` with columns in the value's channel order."""
    return np.ascontiguousarray(weight if value.order is None else weight[:, value.order])


def _scaled(low: Lowering, node: fx.Node, acc: Value, scale: Any, bias: Any) -> Value:
    """acc * scale[o] (+ bias[o]): two roundings, exactly as the layer computes it in training."""
    out = acc.type.shape[2]
    factor: Tensor = low.constant(scale).detach().float().reshape(-1)
    shift = torch.zeros(out) if bias is None else low.constant(bias).detach().float().reshape(-1)
    return low.emit(node, "affine", acc, name=f"{acc.name}.scale",
                    tensors={"scale": factor.expand(out).numpy().copy(), "bias": shift.numpy().copy()})  # fmt: skip


def _integers(low: Lowering, node: fx.Node, weight: NDArray[np.float32]) -> NDArray[np.int8]:
    if (weight != np.rint(weight)).any() or (np.abs(weight) > 127).any():
        raise RangeError(module_path(node), "int8 weight", got="values that are no integers in -127..127")
    return weight.astype(np.int8)


def _pixels(low: Lowering, node: fx.Node, value: Value) -> Value:
    if value.type.dtype != "u8":
        raise low.unsupported(node, f"an int8 layer on a {value.type} input",
                              "int8 layers read pixels 0..255 or signs: put them first, or after a sign activation, "
                              "or export with input_dtype='u8'")  # fmt: skip
    return value


def bconv2d(low: Lowering, node: fx.Node, args: Sequence[Any]) -> Value:
    """``xnorkit::bconv2d(x, weight, scale, bias, stride, padding, dilation, groups, pad_value, factor)``."""
    x, weight, scale, bias, stride, padding, dilation, groups, pad_value, factor = (*args, None)[:10]
    bits = low.sign(node, low.values[x])
    w = _conv_layout(sign_of(_weight(low, weight)))
    acc = low.emit(node, "bconv2d", bits, tensors={"weight": w}, out_channels=w.shape[0], kernel=w.shape[1:3],
                   stride=_pair(stride), padding=_four(padding), dilation=_pair(dilation), groups=int(groups),
                   pad_value=int(pad_value))  # fmt: skip
    if factor is not None:
        acc = low.emit(node, "scale_map", acc, low.values[factor], name=f"{acc.name}.k")
    return _scaled(low, node, acc, scale, bias)


def kmap(low: Lowering, node: fx.Node, args: Sequence[Any]) -> Value:
    """``xnorkit::kmap(x, kernel, stride, padding, dilation)``."""
    x, kernel, stride, padding, dilation = args
    value = low.as_float(node, low.values[x])
    return low.emit(node, "kmap", value, name=f"{module_path(node)}.kmap", kernel=_pair(kernel), stride=_pair(stride),
                    padding=_four(padding), dilation=_pair(dilation))  # fmt: skip


def bdense(low: Lowering, node: fx.Node, args: Sequence[Any]) -> Value:
    """``xnorkit::bdense(x, weight, scale, bias)``."""
    x, weight, scale, bias = args
    bits = low.sign(node, low.values[x])
    w = _columns(bits, sign_of(_weight(low, weight)))
    acc = low.emit(node, "bdense", bits, tensors={"weight": w}, out_features=w.shape[0])
    return _scaled(low, node, acc, scale, bias)


def qconv2d(low: Lowering, node: fx.Node, args: Sequence[Any]) -> Value:
    """``xnorkit::qconv2d(x, weight, scale, bias, stride, padding, dilation, groups)`` on pixels."""
    x, weight, scale, bias, stride, padding, dilation, groups = args
    w = _conv_layout(_integers(low, node, _weight(low, weight)))
    acc = low.emit(node, "qconv2d", _pixels(low, node, low.values[x]), tensors={"weight": w}, out_channels=w.shape[0],
                   kernel=w.shape[1:3], stride=_pair(stride), padding=_four(padding), dilation=_pair(dilation),
                   groups=int(groups))  # fmt: skip
    return _scaled(low, node, acc, scale, bias)


def qdense(low: Lowering, node: fx.Node, args: Sequence[Any]) -> Value:
    """``xnorkit::qdense(x, weight, scale, bias)`` on pixels or signs."""
    x, weight, scale, bias = args
    value = low.values[x] if low.values[x].type.dtype == "bits" else _pixels(low, node, low.values[x])
    w = _columns(value, _integers(low, node, _weight(low, weight)))
    acc = low.emit(node, "qdense", value, tensors={"weight": w}, out_features=w.shape[0])
    return _scaled(low, node, acc, scale, bias)


def conv2d(low: Lowering, node: fx.Node, args: Sequence[Any]) -> Value:
    """``aten.conv2d(x, weight, bias, stride, padding, dilation, groups)`` in float32; padding may be a name."""
    x, weight, bias, stride, padding, dilation, groups = (*args, *(None, 1, 0, 1, 1)[len(args) - 2 :])
    w = _conv_layout(_weight(low, weight))
    tensors = {"weight": w} | ({} if bias is None else {"bias": low.constant(bias).detach().float().numpy().copy()})
    return low.emit(node, "conv2d", low.as_float(node, low.values[x]), tensors=tensors, out_channels=w.shape[0],
                    kernel=w.shape[1:3], stride=_pair(stride), dilation=_pair(dilation), groups=int(groups),
                    padding=_named_padding(padding, w.shape[1:3], _pair(dilation)) if isinstance(padding, str)
                    else _four(padding))  # fmt: skip


def _named_padding(name: str, kernel: tuple[int, ...], dilation: tuple[int, int]) -> tuple[int, int, int, int]:
    """torch's "valid" (none) and "same" (the odd element goes to the bottom and right)."""
    total = [d * (k - 1) if name == "same" else 0 for k, d in zip(kernel, dilation, strict=True)]
    top, left = total[0] // 2, total[1] // 2
    return (top, left, total[0] - top, total[1] - left)


def linear(low: Lowering, node: fx.Node, args: Sequence[Any]) -> Value:
    """``aten.linear(x, weight, bias)`` in float32."""
    value = low.as_float(node, low.values[args[0]])
    bias = args[2] if len(args) > 2 else None
    w = _columns(value, _weight(low, args[1]))
    tensors = {"weight": w} | ({} if bias is None else {"bias": low.constant(bias).detach().float().numpy().copy()})
    return low.emit(node, "dense", value, tensors=tensors, out_features=w.shape[0])
