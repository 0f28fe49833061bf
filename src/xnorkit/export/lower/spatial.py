"""Rules for pooling and for joins."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from torch import fx

from .context import Lowering, Value
from .layers import _pair


def _ceil_extra(size: int, kernel: int, stride: int, pad: int) -> int:
    """Extra padding at the end that makes floor division give torch's ``ceil_mode`` size.

    torch rounds up but drops a last window that would start in the end padding.
    """
    out = -(-(size + 2 * pad - kernel) // stride) + 1
    if (out - 1) * stride >= size + pad:
        out -= 1
    return max(0, (out - 1) * stride + kernel - size - 2 * pad)


def _window(value: Value, kernel: Any, stride: Any, padding: Any, ceil_mode: bool) -> dict[str, Any]:
    size, (ph, pw) = _pair(kernel), _pair(padding)
    step = _pair(stride) if stride else size
    extra = (0, 0)
    if ceil_mode:
        h, w, _ = value.type.shape
        extra = (_ceil_extra(h, size[0], step[0], ph), _ceil_extra(w, size[1], step[1], pw))
    return {"kernel": size, "stride": step, "padding": (ph, pw, ph + extra[0], pw + extra[1])}


def max_pool2d(low: Lowering, node: fx.Node, args: Sequence[Any]) -> Value:
    """``aten.max_pool2d(x, kernel, stride, padding, dilation, ceil_mode)``; on bits it stays on bits."""
    x, kernel, stride, padding, dilation, ceil_mode = (*args, *([], 0, 1, False)[len(args) - 2 :])
    if _pair(dilation) != (1, 1):
        raise low.unsupported(node, f"dilation {dilation}", "max-pool with dilation is not in the op table")
    value = low.values[x]
    return low.emit(node, "max_pool2d", value, **_window(value, kernel, stride, padding, bool(ceil_mode)))


def avg_pool2d(low: Lowering, node: fx.Node, args: Sequence[Any]) -> Value:
    """``aten.avg_pool2d(x, kernel, stride, padding, ceil_mode, count_include_pad, divisor)``."""
    x, kernel, stride, padding, ceil_mode, include, divisor = (*args, *([], 0, False, True, None)[len(args) - 2 :])
    if ceil_mode or divisor is not None:
        raise low.unsupported(node, "ceil_mode or divisor_override")
    value = low.as_float(node, low.values[x])
    return low.emit(node, "avg_pool2d", value, count_include_pad=bool(include),
                    **_window(value, kernel, stride, padding, False))  # fmt: skip


def adaptive_avg_pool2d(low: Lowering, node: fx.Node, args: Sequence[Any]) -> Value:
    value = low.as_float(node, low.values[args[0]])
    (h, w, _), (oh, ow) = value.type.shape, _pair(args[1])
    if (oh, ow) == (1, 1):
        return low.emit(node, "global_avg_pool2d", value)
    if h % oh or w % ow:
        raise low.unsupported(node, f"{h}x{w} to {oh}x{ow}", "the output size must divide the input size")
    size = (h // oh, w // ow)
    return low.emit(node, "avg_pool2d", value, kernel=size, stride=size, padding=(0, 0, 0, 0))


def mean(low: Lowering, node: fx.Node, args: Sequence[Any]) -> Value:
    """``x.mean((2, 3))``, with or without keepdim: global average pooling."""
    value = low.as_float(node, low.values[args[0]])
    rank = args[0].meta["val"].dim()
    if rank != 4 or sorted(d % 4 for d in args[1]) != [2, 3]:
        raise low.unsupported(node, f"a mean over {args[1]}", "only the mean over height and width")
    return low.emit(node, "global_avg_pool2d", value)


def cat(low: Lowering, node: fx.Node, args: Sequence[Any]) -> Value:
    """``aten.cat(tensors, 1)``: pictures or feature vectors one behind the other along channels, all as float32."""
    parts, dim = args[0], int(args[1]) if len(args) > 1 else 0
    rank = node.meta["val"].dim()
    if dim % rank != 1:
        raise low.unsupported(node, f"a cat along axis {dim}", "only along channels, axis 1")
    if not all(low.is_value(part) for part in parts):
        raise low.unsupported(node, "a cat with a constant")
    values = [low.as_float(node, low.values[part]) for part in parts]
    joined = values[0]
    for value in values[1:]:
        order = None
        if joined.order is not None or value.order is not None:
            first, second = (np.arange(v.type.shape[2]) if v.order is None else v.order for v in (joined, value))
            order = np.concatenate([first, len(first) + second])
        joined = low.emit(node, "concat", joined, value, order=order)
    return joined
