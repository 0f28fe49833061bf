"""Every op of the op table in torch.nn.functional, on float64: what the reference is compared with."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

Attrs = dict[str, Any]
Tensors = dict[str, Tensor]


def _padded(x: Tensor, a: Attrs, value: float) -> Tensor:
    top, left, bottom, right = a["padding"]
    return F.pad(x, (left, right, top, bottom), value=value)


def _conv(x: Tensor, a: Attrs, t: Tensors) -> Tensor:
    weight = t["weight"].permute(0, 3, 1, 2)
    return F.conv2d(
        _padded(x, a, a.get("pad_value", 0)), weight, t.get("bias"), a["stride"], 0, a["dilation"], a["groups"]
    )


def _dense(x: Tensor, a: Attrs, t: Tensors) -> Tensor:
    return F.linear(x[:, :, 0, 0], t["weight"], t.get("bias"))[:, :, None, None]


def _max_pool(x: Tensor, a: Attrs, t: Tensors) -> Tensor:
    flip = t["flip"].view(-1, 1, 1) if "flip" in t else torch.ones(1)
    return F.max_pool2d(_padded(x * flip, a, -torch.inf), a["kernel"], a["stride"]) * flip


def _avg_pool(x: Tensor, a: Attrs, t: Tensors) -> Tensor:
    total = F.avg_pool2d(_padded(x, a, 0), a["kernel"], a["stride"], divisor_override=1)
    counted = _padded(torch.ones_like(x), a, 1.0 if a["count_include_pad"] else 0.0)
    return total / F.avg_pool2d(counted, a["kernel"], a["stride"], divisor_override=1)


def _kmap(x: Tensor, a: Attrs, t: Tensors) -> Tensor:
    mean = _padded(x.abs().mean(1, keepdim=True), a, 0)
    box = torch.full((1, 1, *a["kernel"]), 1 / (a["kernel"][0] * a["kernel"][1]), dtype=x.dtype)
    return F.conv2d(mean, box, None, a["stride"], 0, a["dilation"])


def _threshold(x: Tensor, a: Attrs, t: Tensors) -> Tensor:
    """As training sees it: sign of an increasing line through the threshold, times the flip."""
    x = (x - t["threshold"].view(-1, 1, 1) + 0.5).sign()
    return x * t["flip"].view(-1, 1, 1)


def _flatten(x: Tensor, a: Attrs, t: Tensors) -> Tensor:
    return x.permute(0, 2, 3, 1).flatten(1)[:, :, None, None]


def _picked(x: Tensor, begin: int, count: int, groups: int) -> Tensor:
    part = x[:, begin : begin + count]
    return F.channel_shuffle(part, groups) if groups > 1 else part


def _per_channel(name: str, t: Tensors) -> Tensor:
    return t[name].view(-1, 1, 1)


def _weights(a: Attrs, planes: Tensor) -> Tensor:
    """The weights that planes of signs mean."""
    if a["levels"] == "ternary":
        return planes.mean(0)
    return (planes * 2.0 ** torch.arange(len(planes)).view(-1, *[1] * (planes.ndim - 1))).sum(0)


def _code_values(x: Tensor, a: Attrs) -> Tensor:
    if not a["codes"]:
        return x
    most = 2 ** a["activation_bits"] - 1
    x = x.clamp(max=most)
    return x if a["activation_levels"] == "unsigned" else 2 * x - most


def _few_bits(layer: Callable[[Tensor, Attrs, Tensors], Tensor]) -> Callable[[Tensor, Attrs, Tensors], Tensor]:
    return lambda x, a, t: layer(_code_values(x, a), a, {"weight": _weights(a, t["weight"])})


def _multithreshold(x: Tensor, a: Attrs, t: Tensors) -> Tensor:
    """Thresholds below a value, as ``searchsorted`` counts them channel by channel; the rest where flipped."""
    rows = t["threshold"].sort(1).values
    pixels = x.transpose(0, 1).flatten(1).contiguous()
    reached = torch.searchsorted(rows, pixels, right=True).view(x.transpose(0, 1).shape).transpose(0, 1)
    return torch.where(_per_channel("flip", t) < 0, rows.shape[1] - reached, reached)


def _quantize(x: Tensor, a: Attrs, t: Tensors) -> Tensor:
    """In float32: a code is a matter of its roundings."""
    scale, bias = _per_channel("scale", t).float(), _per_channel("bias", t).float()
    return (x.float() * scale + bias).floor().clamp(0, 2 ** a["activation_bits"] - 1)


TORCH: dict[str, Callable[[Tensor, Attrs, Tensors], Tensor]] = {
    "input": lambda x, a, t: x,
    "bconv2d": _conv,
    "bdense": _dense,
    "qconv2d": _conv,
    "qdense": _dense,
    "conv2d": _conv,
    "dense": _dense,
    "dense_bf16": _dense,
    "dense_i8": lambda x, a, t: _dense(x, a, {**t, "weight": t["weight"] * t["scale"].view(-1, 1)}),
    "wconv2d": _few_bits(_conv),
    "wdense": _few_bits(_dense),
    "threshold": _threshold,
    "multithreshold": _multithreshold,
    "quantize": _quantize,
    "sign": lambda x, a, t: torch.where(x >= 0, 1.0, -1.0),
    "affine": lambda x, a, t: x * _per_channel("scale", t) + _per_channel("bias", t),
    "add": lambda x, a, t: x + t["second"].permute(0, 3, 1, 2),
    "kmap": _kmap,
    "scale_map": lambda x, a, t: x * t["second"].permute(0, 3, 1, 2),
    "scale_channels": lambda x, a, t: x * t["second"].permute(0, 3, 1, 2),
    "relu": lambda x, a, t: F.relu(x),
    "prelu": lambda x, a, t: F.prelu(x, t["slope"]),
    "hardtanh": lambda x, a, t: F.hardtanh(x),
    "tanh": lambda x, a, t: torch.tanh(x),
    "sigmoid": lambda x, a, t: torch.sigmoid(x),
    "max_pool2d": _max_pool,
    "avg_pool2d": _avg_pool,
    "global_avg_pool2d": lambda x, a, t: x.mean((2, 3), keepdim=True),
    "concat": lambda x, a, t: torch.cat([x, t["second"].permute(0, 3, 1, 2)], 1),
    "pick_channels": lambda x, a, t: _picked(x, a["begin"], a["out_channels"], a["groups"]),
    "flatten": _flatten,
}
"""Op -> the same in torch, on float64 ``(N, C, H, W)``. A row of OPS without one fails its tests with a KeyError."""
