"""THE EDIT TABLE: changes to the layers of a built net that a checkpoint must repeat before its tensors fit.

An edit is plain data, ``{"layer": path, "edit": name, ...options}``; ``create_model(..., edits=[...])`` makes it on
fresh weights, and the net's ``config`` remembers it, so that checkpoints, the hub and ``xnorkit export`` rebuild it.

>>> net = nn.Sequential(nn.Linear(6, 4), nn.ReLU(), nn.Linear(4, 2))
>>> apply_edits(net, [{"layer": "0", "edit": "factored", "rank": 2}])
>>> [tuple(p.shape) for p in net.parameters()]
[(2, 6), (4, 2), (4,), (2, 4), (2,)]
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from ..errors import RangeError
from .layers.affine import ChannelAffine
from .layers.formed import FormedConv2d, FormedLinear, Hashed, Vectors

Edit = Mapping[str, Any]
SIZES = ("in_features", "out_features", "in_channels", "out_channels", "num_features", "num_parameters", "groups")
"""Attributes of layers that say how large their tensors are."""


def _factored(layer: nn.Module, rank: int) -> nn.Module:
    """Dense, W = B A: in -> rank -> out."""
    dense = _of(layer, nn.Linear)
    return nn.Sequential(nn.Linear(dense.in_features, rank, bias=False),
                         nn.Linear(rank, dense.out_features, bias=dense.bias is not None))  # fmt: skip


def _tucker(layer: nn.Module, ranks: list[int]) -> nn.Module:
    """Convolution: 1x1 to ``ranks[0]`` channels, the kernel to ``ranks[1]``, 1x1 to all."""
    conv = _of(layer, nn.Conv2d)
    low, high = ranks
    return nn.Sequential(nn.Conv2d(conv.in_channels, low, 1, bias=False),
                         nn.Conv2d(low, high, conv.kernel_size, conv.stride, conv.padding, conv.dilation, bias=False),
                         nn.Conv2d(high, conv.out_channels, 1, bias=conv.bias is not None))  # fmt: skip


def _cp(layer: nn.Module, rank: int) -> nn.Module:
    """Convolution: 1x1 to ``rank`` channels, a column and a row of each channel alone, 1x1 to all."""
    conv = _of(layer, nn.Conv2d)
    (sy, sx), (py, px), (dy, dx) = conv.stride, conv.padding, conv.dilation
    ky, kx = conv.kernel_size
    return nn.Sequential(nn.Conv2d(conv.in_channels, rank, 1, bias=False),
                         nn.Conv2d(rank, rank, (ky, 1), (sy, 1), (py, 0), (dy, 1), rank, bias=False),
                         nn.Conv2d(rank, rank, (1, kx), (1, sx), (0, px), (1, dx), rank, bias=False),
                         nn.Conv2d(rank, conv.out_channels, 1, bias=conv.bias is not None))  # fmt: skip


def _separable(layer: nn.Module, rank: int) -> nn.Module:
    """Convolution: columns to ``rank`` channels, then rows to all."""
    conv = _of(layer, nn.Conv2d)
    (sy, sx), (py, px), (dy, dx) = conv.stride, conv.padding, conv.dilation
    ky, kx = conv.kernel_size
    return nn.Sequential(nn.Conv2d(conv.in_channels, rank, (ky, 1), (sy, 1), (py, 0), (dy, 1), bias=False),
                         nn.Conv2d(rank, conv.out_channels, (1, kx), (1, sx), (0, px), (1, dx),
                                   bias=conv.bias is not None))  # fmt: skip


def _formed(form: type[Hashed] | type[Vectors]) -> Callable[..., nn.Module]:
    def make(layer: nn.Module, picture: list[int] | None = None, **options: Any) -> nn.Module:
        if isinstance(layer, nn.Linear):
            shape = None if picture is None else (picture[0], picture[1], picture[2])
            return FormedLinear(layer.in_features, layer.out_features, form, bias=layer.bias is not None,
                                picture=shape, **options)  # fmt: skip
        conv = _of(layer, nn.Conv2d)
        return FormedConv2d(conv.in_channels, conv.out_channels, conv.kernel_size, form, bias=conv.bias is not None,
                            stride=conv.stride, padding=conv.padding, dilation=conv.dilation, groups=conv.groups,
                            **options)  # fmt: skip

    return make


def _affine(layer: nn.Module) -> nn.Module:
    """Batch norm whose statistics stay: a factor and an addend a channel."""
    if not isinstance(layer, _BatchNorm):
        raise TypeError(f"{type(layer).__name__} is no batch norm")
    return ChannelAffine(layer.num_features)


def _resized(layer: nn.Module, sizes: dict[str, int], tensors: dict[str, list[int]]) -> nn.Module:
    """The same layer with fewer channels: its attributes and the shapes of its own tensors."""
    for name, size in sizes.items():
        if name not in SIZES or not hasattr(layer, name):
            raise RangeError("edits", f"size of {type(layer).__name__}", got=name, expected=f"one of {SIZES}")
        setattr(layer, name, size)
    for name, shape in tensors.items():
        old = getattr(layer, name)
        fresh = torch.zeros(shape, dtype=old.dtype)
        setattr(layer, name, nn.Parameter(fresh) if isinstance(old, nn.Parameter) else fresh)
    return layer


EDITS: dict[str, Callable[..., nn.Module]] = {
    "factored": _factored,
    "tucker": _tucker,
    "cp": _cp,
    "separable": _separable,
    "hashed": _formed(Hashed),
    "vectors": _formed(Vectors),
    "resized": _resized,
    "affine": _affine,
}
"""Name -> (layer, options) -> the layer in its place, its tensors fresh."""


def apply_edits(model: nn.Module, edits: Iterable[Edit]) -> None:
    """Carry out edits in their order, in place. Raises RangeError for an edit, layer or option that is none."""
    for edit in edits:
        given = dict(edit)
        path, name = given.pop("layer", None), given.pop("edit", None)
        if name not in EDITS:
            raise RangeError("edits", "edit", got=name, expected=f"one of {list(EDITS)}")
        try:
            layer = model.get_submodule(str(path))
            made = EDITS[name](layer, **given)
        except (AttributeError, TypeError) as error:
            raise RangeError("edits", f"{name} of {path}", got=str(error), expected="a layer and its options") from None
        parent, _, child = str(path).rpartition(".")
        setattr(model.get_submodule(parent), child, made.train(layer.training))


def edit_layer(model: nn.Module, path: str, name: str, **options: Any) -> nn.Module:
    """One edit, carried out and remembered in the ``config`` of a net of ``create_model``; gives the new layer."""
    edit = {"layer": path, "edit": name, **options}
    apply_edits(model, [edit])
    config = vars(model).get("config")
    if isinstance(config, dict):
        vars(model)["config"] = {**config, "edits": [*config.get("edits", []), edit]}
    return model.get_submodule(path)


def _of(layer: nn.Module, kind: type[Any]) -> Any:
    if not isinstance(layer, kind) or getattr(layer, "groups", 1) != 1 or isinstance(getattr(layer, "padding", 0), str):
        raise TypeError(f"{type(layer).__name__} is no plain {kind.__name__} of one group")
    return layer
