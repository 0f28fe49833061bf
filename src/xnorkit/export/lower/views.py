"""Operators that only move elements: reshapes, permutations, slices, splits, shuffles. They cost nothing until read.

Such an operator is never translated. It runs, as torch runs it, on a tensor of *positions*: two pictures that hold
0, 1, 2, ... in place of values. Whatever a chain of them does is then one array that says which element of the last
real value each result is, and chains that cancel leave 0, 1, 2, ... behind. ``settle`` turns the array into nodes when
somebody reads the result: none, ``flatten``, ``pick_channels`` (with ``concat`` where channels come in several runs),
or a 1x1 ``max_pool2d`` that takes every s-th pixel. Two pictures, so that what mixes pictures of a batch is refused.

>>> x = torch.arange(2 * 4).view(2, 4, 1, 1)
>>> _channel_runs(torch.channel_shuffle(x, 2)[0].flatten().numpy())
[(0, 4, 2)]
"""

from __future__ import annotations

import operator
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, fx

from ...reference.channels import picked
from ..capture import operator_of
from .context import Lowering, Value

_aten = torch.ops.aten
VIEWS = frozenset(
    {
        _aten.view.default, _aten.reshape.default, _aten.flatten.using_ints, _aten.unflatten.int,
        _aten.squeeze.default, _aten.squeeze.dim, _aten.squeeze.dims, _aten.unsqueeze.default,
        _aten.permute.default, _aten.transpose.int, _aten.movedim.int, _aten.movedim.intlist,
        _aten.swapaxes.default, _aten.swapdims.default, _aten.mT.default,
        _aten.chunk.default, _aten.split.Tensor, _aten.split_with_sizes.default, _aten.unbind.int, operator.getitem,
        _aten.slice.Tensor, _aten.narrow.default, _aten.select.int, _aten.index_select.default, _aten.index.Tensor,
        _aten.clone.default, _aten.contiguous.default, _aten.detach.default, _aten.alias.default,
        _aten.flip.default, _aten.roll.default, _aten.channel_shuffle.default, _aten.pixel_shuffle.default,
        _aten.pixel_unshuffle.default,
    }
)  # fmt: skip
"""Operators that run on positions. ``getitem`` takes one result of a split."""
MAX_RUNS = 64
"""Runs of channels that are still joined by ``concat``; more would be a slow file."""
Channels = NDArray[np.int64]


@dataclass(frozen=True)
class View:
    """Elements of a graph value, moved. positions: in torch's order ``(N, C, H, W)`` of the value, for two pictures; or
    several such, where an operator gives a list."""

    of: Value
    positions: Tensor | Sequence[Tensor]


def move(low: Lowering, node: fx.Node) -> View:
    """What the operator makes of the positions of its input."""
    source = node.args[0]
    assert isinstance(source, fx.Node)
    view = low.views.get(source) or _untouched(low.values[source], source)
    sizes = {n: _size(n) for n in node.all_input_nodes if n is not source and n not in low.constants}
    known = {source: view.positions, **sizes}
    args, kwargs = fx.map_arg((node.args, node.kwargs), lambda n: known[n] if n in known else low.constants[n])
    return View(view.of, operator_of(node)(*args, **kwargs))


def _size(node: fx.Node) -> Any:
    """A size computed from the batch, which is two: all other sizes are known to torch.export."""
    if node.target is _aten.sym_size.int:
        return 2
    args, kwargs = fx.map_arg((node.args, node.kwargs), _size)
    return operator_of(node)(*args, **kwargs)


def _untouched(value: Value, node: fx.Node) -> View:
    shape = (2, *(int(d) for d in node.meta["val"].shape[1:]))
    return View(value, torch.arange(int(np.prod(shape))).view(shape))


def settle(low: Lowering, node: fx.Node) -> Value:
    """The moved elements as a value of the graph. Raises UnsupportedError for what no operation of the table does."""
    view = low.views[node]
    if not isinstance(view.positions, Tensor):
        raise low.unsupported(node, "a list of tensors is read as one")
    both, value = view.positions.numpy(), view.of
    size = int(np.prod(value.type.shape))
    if both.shape[0] != 2 or not np.array_equal(both[1], both[0] + size) or (both[0].size and both[0].max() >= size):
        raise low.unsupported(node, "it mixes pictures of a batch", "axis 0 must stay the batch's")
    one = both[0]
    if value.type.shape[:2] == (1, 1):
        return _features(low, node, value, one)
    return _flattened(low, node, value, one) if one.squeeze().ndim < 2 else _picture(low, node, value, one)


def _features(low: Lowering, node: fx.Node, value: Value, one: NDArray[np.int64]) -> Value:
    """Of a vector. One in an order of its own, behind a flatten, is only relabelled where nothing is left out."""
    if max(one.shape, default=1) != one.size:
        raise low.unsupported(
            node, f"features in the shape {one.shape}", "only vectors and pictures are in the op table"
        )
    torch_features, channels = one.reshape(-1), value.type.shape[2]
    order = np.arange(channels) if value.order is None else value.order
    if np.array_equal(torch_features, np.arange(channels)):
        return value
    if value.order is not None and np.array_equal(np.sort(torch_features), np.arange(channels)):
        return Value(value.name, value.type, np.argsort(torch_features)[order])
    return _pick(low, node, value, np.argsort(order)[torch_features])


def _flattened(low: Lowering, node: fx.Node, value: Value, one: NDArray[np.int64]) -> Value:
    """A picture as a vector: first without the channels that are left out, in the graph's order; then the rest."""
    (h, w, c), elements = value.type.shape, one.reshape(-1)
    channels, places = np.unique(elements // (h * w), return_inverse=True)
    if len(channels) < c:
        part = _pick(low, node, value, channels)
        return _flattened(low, node, part, places.reshape(-1) * (h * w) + elements % (h * w))
    by_pixel = np.arange(c * h * w).reshape(c, h, w).transpose(1, 2, 0).reshape(-1)
    whole = np.array_equal(np.sort(elements), np.arange(h * w * c))
    order = np.argsort(elements)[by_pixel] if whole else by_pixel
    flat = low.emit(node, "flatten", value, order=order)
    low.flattened[flat.name] = value
    return flat if whole else _features(low, node, flat, elements)


def _picture(low: Lowering, node: fx.Node, value: Value, one: NDArray[np.int64]) -> Value:
    h, w, _ = value.type.shape
    if one.ndim != 3:
        raise low.unsupported(node, f"a view of shape {one.shape}", "only vectors and pictures are in the op table")
    channels, rows, columns = one[:, 0, 0] // (h * w), one[0, :, 0] // w % h, one[0, 0, :] % w
    if not np.array_equal(one, (channels[:, None, None] * h + rows[:, None]) * w + columns):
        raise low.unsupported(node, f"a view of {value.type.shape} that moves channels into pixels, or pixels",
                              "channels may be picked and reordered, pixels not")  # fmt: skip
    if not (np.array_equal(rows, np.arange(h)) and np.array_equal(columns, np.arange(w))):
        value = _every_pixel(low, node, value, rows, columns)
    return _pick(low, node, value, channels)


def _every_pixel(low: Lowering, node: fx.Node, value: Value, rows: Channels, columns: Channels) -> Value:
    """``x[:, :, ::s, ::t]`` as a pool whose windows are one pixel."""
    h, w, _ = value.type.shape
    steps = [max(1, int(axis[1])) if len(axis) > 1 else side for axis, side in ((rows, h), (columns, w))]
    if not (np.array_equal(rows, np.arange(0, h, steps[0])) and np.array_equal(columns, np.arange(0, w, steps[1]))):
        raise low.unsupported(node, f"rows {rows.tolist()}, columns {columns.tolist()}",
                              "of pixels, only every s-th from the first on can be taken")  # fmt: skip
    return low.emit(node, "max_pool2d", value, kernel=(1, 1), stride=tuple(steps))


def _pick(low: Lowering, node: fx.Node, value: Value, channels: Channels) -> Value:
    """Graph channels of a value, in torch's order."""
    value = Value(value.name, value.type)  # the channels are the graph's
    if np.array_equal(channels, np.arange(value.type.shape[2])):
        return value
    runs = _channel_runs(channels)
    if len(runs) > MAX_RUNS:
        raise low.unsupported(node, f"{len(channels)} channels in {len(runs)} runs", f"at most {MAX_RUNS} runs of "
                              "neighbouring channels, or of groups in turns, can be joined")  # fmt: skip
    parts = [low.emit(node, "pick_channels", value, begin=begin, out_channels=count, groups=groups)
             for begin, count, groups in runs]  # fmt: skip
    joined = parts[0]
    for part in parts[1:]:
        joined = low.emit(node, "concat", joined, part)
    return joined


def _channel_runs(channels: Channels) -> list[tuple[int, int, int]]:
    """(begin, count, groups) of ``pick_channels``, whose results one behind the other are these channels.

    >>> _channel_runs(np.array([2, 3, 4])), _channel_runs(np.array([2, 1, 0])), _channel_runs(np.array([0, 2, 1, 3]))
    ([(2, 3, 1)], [(2, 1, 1), (1, 1, 1), (0, 1, 1)], [(0, 4, 2)])
    """
    count, begin = len(channels), int(channels[0])
    step = int(channels[1]) - begin if count > 1 else 1
    groups = count // step if step > 1 and count % step == 0 else 1
    if np.array_equal(channels, picked(begin + count, begin, count, groups)):
        return [(begin, count, groups)]
    ends = [0, *(np.flatnonzero(np.diff(channels) != 1) + 1).tolist(), count]
    return [(int(channels[a]), b - a, 1) for a, b in pairwise(ends)]
