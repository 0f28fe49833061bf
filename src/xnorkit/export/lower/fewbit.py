"""Rules for few-bit layers: ``xnorkit::quantize``, ``powers``, ``wconv2d``, ``wdense``; weights become planes of signs,
or int8."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import fx

from ...nn.fewbit import REAL, power_values
from ...reference.bounds import FLOAT32_EXACT
from ...reference.wbits import MAX_PLANES
from .context import Lowering, Value
from .layers import _columns, _conv_layout, _four, _integers, _pair, _scaled, _weight

LARGEST = np.float32(np.finfo(np.float32).max)


def planes_of(weight: NDArray[Any]) -> tuple[NDArray[np.int8], str] | None:
    """(sign planes ``(P, ...)``, levels) of integers ``(...)``, the fewest there are; None where no planes hold them.

    -1/+1 are one plane, -1/0/+1 two ternary ones, odd numbers up to 2^P - 1 a sum of P: w = sum of 2^i s_i, so that the
    bits of (w + 2^P - 1) / 2 are those of the planes.

    >>> planes, levels = planes_of(np.array([3, -1]))
    >>> planes.tolist(), levels
    ([[1, 1], [1, -1]], 'sum')
    """
    w = weight.astype(np.int64)
    if np.isin(w, (-1, 0, 1)).all() and (w == 0).any():
        return np.stack([np.where(w >= 0, 1, -1), np.where(w > 0, 1, -1)]).astype(np.int8), "ternary"
    count = int(np.abs(w).max(initial=1)).bit_length()
    if count > MAX_PLANES or not (w % 2 != 0).all():
        return None
    bits = (w + (1 << count) - 1) // 2
    return np.stack([2 * (bits >> i & 1) - 1 for i in range(count)]).astype(np.int8), "sum"


def quantize(low: Lowering, node: fx.Node, args: Sequence[Any]) -> Value:
    """``xnorkit::quantize(x, scale, bias, bits)``: one scale for all channels."""
    x, scale, bias, bits = args
    value = low.as_float(node, low.values[x])
    channels = value.type.shape[2]
    tensors = {name: np.full(channels, number, np.float32) for name, number in (("scale", scale), ("bias", bias))}
    return low.emit(node, "quantize", value, order=value.order, name=f"{value.name}.codes", tensors=tensors,
                    activation_bits=int(bits))  # fmt: skip


def powers(low: Lowering, node: fx.Node, args: Sequence[Any]) -> Value:
    """``xnorkit::powers(x, bits, top)`` as a sum of steps: 2^i, plus 2^i more where x reaches the next power.

    Every partial sum is one of the powers, so that the sum is exact; and fl(x - edge) >= 0 just where x >= edge.
    """
    x, bits, top = args
    flat = low.values[x]
    value, total = low.as_float(node, _before_flatten(low, flat)), None
    lowest, channels = int(top) - (1 << int(bits)) + 2, value.type.shape[2]

    def affine(source: Value, name: str, scale: float, bias: float) -> Value:
        tensors = {"scale": np.full(channels, scale, np.float32), "bias": np.full(channels, bias, np.float32)}
        return low.emit(node, "affine", source, order=value.order, name=f"{value.name}.{name}", tensors=tensors)

    for i, edge in enumerate(power_edges(int(bits), int(top))):
        over = affine(value, f"over{i}", 1.0, -edge)
        bit = low.emit(node, "sign", over, order=value.order, name=f"{value.name}.reaches{i}")
        rise = 2.0 ** (lowest + max(i - 1, 0))
        step = affine(bit, f"step{i}", rise / 2, rise / 2)
        total = step if total is None else low.emit(node, "add", total, step, order=value.order,
                                                    name=f"{value.name}.power{i}")  # fmt: skip
    assert total is not None
    if total.order is flat.order:
        return total
    return low.emit(node, "flatten", total, order=flat.order, name=f"{flat.name}.powers")


def _before_flatten(low: Lowering, value: Value) -> Value:
    """The picture that a flatten made the value of, else itself: what treats all features alike may stand there, with
    its numbers once a channel and not once a feature."""
    return low.flattened.get(value.name, value)


def power_edges(bits: int, top: int) -> list[float]:
    """The smallest float32 that ``power_values`` takes to each power 2^e, lowest first: bisection on the bit patterns
    of positive numbers, which are in the order of the numbers.

    >>> [round(edge, 4) for edge in power_edges(2, 1)]
    [0.3536, 0.7071, 1.4142]
    """
    want = torch.exp2(torch.arange(top - (1 << bits) + 2, top + 1, dtype=torch.float32))
    below = torch.zeros(len(want), dtype=torch.int64)
    above = torch.full_like(below, int(LARGEST.view(np.int32)))
    while bool((above - below > 1).any()):
        middle = (below + above) // 2
        reached = power_values(middle.to(torch.int32).view(torch.float32), bits, top) >= want
        below, above = torch.where(reached, below, middle), torch.where(reached, middle, above)
    return above.to(torch.int32).view(torch.float32).tolist()


def wconv2d(low: Lowering, node: fx.Node, args: Sequence[Any]) -> Value:
    """``xnorkit::wconv2d(x, weight, scale, bias, stride, padding, dilation, groups, weight_bits, activation_bits,
    odd)``."""
    x, weight, scale, bias, stride, padding, dilation, groups, _, bits, odd = args
    w = _conv_layout(_integers(low, node, _weight(low, weight)))
    acc = _sum(low, node, "conv2d", low.values[x], w, bits, odd, out_channels=w.shape[0], kernel=w.shape[1:3],
               stride=_pair(stride), padding=_four(padding), dilation=_pair(dilation), groups=int(groups))  # fmt: skip
    return _scaled(low, node, acc, scale, bias)


def wdense(low: Lowering, node: fx.Node, args: Sequence[Any]) -> Value:
    """``xnorkit::wdense(x, weight, scale, bias, weight_bits, activation_bits, odd)``."""
    x, weight, scale, bias, _, bits, odd = args
    w = _columns(low.values[x], _integers(low, node, _weight(low, weight)))
    acc = _sum(low, node, "dense", low.values[x], w, bits, odd, out_features=w.shape[0])
    return _scaled(low, node, acc, scale, bias)


def _sum(low: Lowering, node: fx.Node, op: str, value: Value, w: NDArray[np.int8], bits: int, odd: bool,
         **attrs: Any) -> Value:  # fmt: skip
    """The accumulator: planes of signs on codes or floats; where no planes hold the weights, int8 ones on codes,
    float32 ones on floats and on the values of odd codes."""
    if bits == REAL:
        value = low.as_float(node, value)
    elif value.type.dtype != "u8":
        raise low.unsupported(node, f"a layer of codes on a {value.type} input",
                              "put it first, on pixels, or give it a quantizer to codes; or export with "
                              "input_dtype='u8'")  # fmt: skip
    found = planes_of(w)
    if found is not None:
        codes = {} if bits == REAL else {"activation_bits": int(bits), "activation_levels": _levels(odd)}
        planes, levels = found
        return low.emit(node, f"w{op}", value, tensors={"weight": planes}, planes=len(planes), levels=levels, **codes,
                        **attrs)  # fmt: skip
    if bits == REAL:
        return low.emit(node, op, value, tensors={"weight": w.astype(np.float32)}, **attrs)
    if odd:
        values = _odd_values(low, node, value, w, int(bits))
        return low.emit(node, op, values, tensors={"weight": w.astype(np.float32)}, **attrs)
    return low.emit(node, f"q{op}", value, tensors={"weight": w}, **attrs)


def _odd_values(low: Lowering, node: fx.Node, value: Value, w: NDArray[np.int8], bits: int) -> Value:
    """What odd codes are worth, as floats: float32 layers sum them with integer weights exactly, up to 2^24."""
    most = (1 << bits) - 1
    largest = int(np.abs(w.astype(np.int64)).reshape(len(w), -1).sum(1).max()) * most
    if largest > FLOAT32_EXACT:
        hint = "binary, ternary and odd weights do; others need an activation to codes 0..2^k - 1"
        raise low.unsupported(
            node, f"weights that are no planes of signs, on odd codes, with sums up to {largest}", hint
        )
    channels = value.type.shape[2]
    tensors = {"scale": np.full(channels, 2, np.float32), "bias": np.full(channels, -most, np.float32)}
    return low.emit(node, "affine", value, order=value.order, name=f"{value.name}.values", tensors=tensors)


def _levels(odd: bool) -> str:
    return "signed" if odd else "unsigned"
