"""Rules for operators that work channel by channel: batch norm, scalar arithmetic, activations, residual sums."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, fx

from .context import Lowering, Value, same_order


def batch_norm(low: Lowering, node: fx.Node, args: Sequence[Any]) -> Value:
    """``aten.batch_norm(x, gamma, beta, mean, var, training, momentum, eps, cudnn)`` in evaluation mode."""
    value = low.as_float(node, low.values[args[0]])
    gamma, beta, mean, var = (low.constant(a) for a in args[1:5])
    if args[5] or mean is None or var is None:
        raise low.unsupported(node, "batch norm with batch statistics", "keep running statistics and call eval()")
    eps, channels = float(args[7]), value.type.shape[2]
    gamma = torch.ones(channels) if gamma is None else gamma
    beta = torch.zeros(channels) if beta is None else beta
    own = [torch.from_numpy(low.features(value, t.float())) for t in (mean, var, gamma, beta)]
    mean, var, gamma, beta = own
    scale = gamma / torch.sqrt(var + eps)
    return low.emit(node, "affine", value, order=value.order,
                    tensors={"scale": scale.numpy(), "bias": (beta - mean * scale).numpy()},
                    evaluate=lambda x: F.batch_norm(x, mean, var, gamma, beta, False, 0.0, eps))  # fmt: skip


def shift_norm(low: Lowering, node: fx.Node, args: Sequence[Any]) -> Value:
    """``xnorkit::shift_norm(x, mean, factor, beta)``; the factor is a power of two."""
    value = low.as_float(node, low.values[args[0]])
    mean, factor, beta = (torch.from_numpy(low.features(value, low.constant(a).float())) for a in args[1:4])
    return _affine(low, node, value, factor, beta - mean * factor, lambda x: (x - mean) * factor + beta)


def _per_channel(low: Lowering, node: fx.Node, value: Value, constant: Any) -> Tensor:
    """A scalar, or a tensor that broadcasts along channels only, as ``(C,)`` in the value's channel order."""
    channels = value.type.shape[2]
    tensor = torch.as_tensor(constant, dtype=torch.float32)
    if tensor.numel() == 1:
        return tensor.reshape(1).expand(channels).contiguous()
    spatial = (1,) * (node.meta["val"].dim() - 2)
    if tuple(tensor.shape) not in {(channels, *spatial), (1, channels, *spatial)}:
        raise low.unsupported(
            node, f"a constant of shape {tuple(tensor.shape)}", "only scalars and per-channel constants"
        )
    return torch.from_numpy(low.features(value, tensor.reshape(-1)))


def _affine(low: Lowering, node: fx.Node, value: Value, scale: Tensor, bias: Tensor,
            evaluate: Callable[[Tensor], Tensor]) -> Value:  # fmt: skip
    value = low.as_float(node, value)
    tensors = {"scale": scale.numpy().astype(np.float32), "bias": bias.numpy().astype(np.float32)}
    return low.emit(node, "affine", value, order=value.order, evaluate=evaluate, tensors=tensors)


def add(low: Lowering, node: fx.Node, args: Sequence[Any]) -> Value:
    """Residual sum of two values, or a per-channel constant."""
    left, right = args[0], args[1]
    if node.kwargs.get("alpha", 1) != 1:
        raise low.unsupported(node, "add with alpha")
    if low.is_value(left) and low.is_value(right):
        a, b = (low.as_float(node, low.values[v]) for v in (left, right))
        if not same_order(a, b):
            raise low.unsupported(node, "a sum of differently flattened values")
        return low.emit(node, "add", a, b, order=a.order)
    value, constant = (left, right) if low.is_value(left) else (right, left)
    shift = _per_channel(low, node, low.values[value], low.constant(constant))
    return _affine(low, node, low.values[value], torch.ones_like(shift), shift, lambda x: x + shift)


def sub(low: Lowering, node: fx.Node, args: Sequence[Any]) -> Value:
    if not low.is_value(args[0]) or low.is_value(args[1]):
        raise low.unsupported(node, "only value - constant")
    value = low.values[args[0]]
    shift = _per_channel(low, node, value, low.constant(args[1]))
    return _affine(low, node, value, torch.ones_like(shift), -shift, lambda x: x - shift)


def mul(low: Lowering, node: fx.Node, args: Sequence[Any]) -> Value:
    """A per-channel constant, or a picture times one number a channel, ``(N, C, H, W) * (N, C, 1, 1)``: a gate."""
    if low.is_value(args[0]) and low.is_value(args[1]):
        return _gated(low, node, *(low.as_float(node, low.values[a]) for a in args[:2]))
    argument, constant = (args[0], args[1]) if low.is_value(args[0]) else (args[1], args[0])
    value = low.values[argument]
    factor = _per_channel(low, node, value, low.constant(constant))
    return _affine(low, node, value, factor, torch.zeros_like(factor), lambda x: x * factor)


def _gated(low: Lowering, node: fx.Node, first: Value, second: Value) -> Value:
    if first.type.shape[:2] == (1, 1) != second.type.shape[:2]:
        first, second = second, first
    if second.type.shape != (1, 1, first.type.shape[2]) or not same_order(first, second):
        raise low.unsupported(node, f"a product of values of {first.type.shape} and {second.type.shape}",
                              "only a picture times one number a channel")  # fmt: skip
    return low.emit(node, "scale_channels", first, second, order=first.order)


def div(low: Lowering, node: fx.Node, args: Sequence[Any]) -> Value:
    """Stored as a product with the reciprocal (1 ulp away); thresholds still come from the division itself."""
    if not low.is_value(args[0]) or low.is_value(args[1]):
        raise low.unsupported(node, "only value / constant")
    value = low.values[args[0]]
    divisor = _per_channel(low, node, value, low.constant(args[1]))
    if bool((divisor == 0).any()):
        raise low.unsupported(node, "a division by zero")
    return _affine(low, node, value, 1 / divisor, torch.zeros_like(divisor), lambda x: x / divisor)


def activation(op: str) -> Callable[[Lowering, fx.Node, Sequence[Any]], Value]:
    """A rule for a parameter-free activation of the op table."""
    torch_form = {"relu": torch.relu, "hardtanh": F.hardtanh, "tanh": torch.tanh, "sigmoid": torch.sigmoid}[op]

    def rule(low: Lowering, node: fx.Node, args: Sequence[Any]) -> Value:
        if op == "hardtanh" and tuple(float(a) for a in args[1:]) not in ((), (-1.0, 1.0)):
            raise low.unsupported(node, f"bounds {tuple(args[1:])}", "only hardtanh and clamp to [-1, 1]")
        value = low.as_float(node, low.values[args[0]])
        return low.emit(node, op, value, order=value.order, evaluate=torch_form)

    return rule


def prelu(low: Lowering, node: fx.Node, args: Sequence[Any]) -> Value:
    value = low.as_float(node, low.values[args[0]])
    weight: Tensor = low.constant(args[1]).float().expand(value.type.shape[2])
    slope = torch.from_numpy(low.features(value, weight))
    return low.emit(node, "prelu", value, order=value.order, tensors={"slope": slope.numpy()},
                    evaluate=lambda x: F.prelu(x, slope))  # fmt: skip


def identity(low: Lowering, node: fx.Node, args: Sequence[Any]) -> Value:
    """Dropout, clone, contiguous, detach: nothing happens at inference."""
    return low.values[args[0]]


def sign(low: Lowering, node: fx.Node, args: Sequence[Any]) -> Value:
    return low.sign(node, low.values[args[0]])
