"""Which weights are compressed: those of dense layers and convolutions that are real numbers.

>>> list(float_layers(nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 2))))
['0', '2']
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeVar

import torch
from torch import Tensor, nn

from ..errors import RangeError, UnsupportedError
from ..nn.layers.state import QuantizedModule

Layer = nn.Linear | nn.Conv2d
T = TypeVar("T")
Picture = tuple[int, int, int]


def float_layers(model: nn.Module) -> dict[str, Layer]:
    """Path -> dense layer or convolution with float weights, in order; layers with quantizers are left out.

    Raises UnsupportedError for a model without any.
    """
    found = {path: module for path, module in model.named_modules()
             if isinstance(module, (nn.Linear, nn.Conv2d)) and not isinstance(module, QuantizedModule)}  # fmt: skip
    if not found:
        raise UnsupportedError("compress", "no dense layer or convolution with float weights",
                               hint="binary layers are one bit a weight already; a scheme with first=float and "
                                    "last=float has float ends")  # fmt: skip
    return found


def per_layer(model: nn.Module, own: Mapping[str, T], rest: T | None, where: str) -> dict[str, T]:
    """A value for each float layer: its own, or ``rest`` where that is not None.

    Raises RangeError for a name that is none of the layers'.
    """
    layers = float_layers(model)
    if unknown := sorted(set(own) - set(layers)):
        raise RangeError(where, "layer", got=unknown[0], expected=f"one of {list(layers)}")
    chosen = {path: own.get(path, rest) for path in layers}
    return {path: value for path, value in chosen.items() if value is not None}


@torch.no_grad()
def pictures_read(model: nn.Module, example: Tensor) -> dict[str, Picture]:
    """Path of a dense layer -> (C, H, W) of the picture that it reads flattened; the packed file has its numbers in the
    order (H, W, C). example: one input (1, C, H, W).

    >>> net = nn.Sequential(nn.Conv2d(1, 3, 3), nn.Flatten(), nn.Linear(3 * 4, 2))
    >>> pictures_read(net, torch.zeros(1, 1, 4, 4))
    {'2': (3, 2, 2)}
    """
    flat: dict[int, Picture] = {}
    found: dict[str, Picture] = {}
    alive = []  # tensors keep their memory, so that no other one gets the same place

    def flattened(module: nn.Module, args: tuple[Tensor, ...], out: Tensor) -> None:
        if args[0].dim() == 4:
            alive.append(out)
            flat[out.data_ptr()] = (args[0].shape[1], args[0].shape[2], args[0].shape[3])

    def read(path: str) -> Callable[..., None]:
        def seen(module: nn.Module, args: tuple[Tensor, ...]) -> None:
            if args[0].data_ptr() in flat:
                found[path] = flat[args[0].data_ptr()]

        return seen

    hooks = [m.register_forward_hook(flattened) for m in model.modules() if isinstance(m, nn.Flatten)]
    for path, layer in model.named_modules():
        if isinstance(layer, nn.Linear):
            hooks.append(layer.register_forward_pre_hook(read(path)))
    model.eval()(example)
    for hook in hooks:
        hook.remove()
    return {path: picture for path, picture in found.items() if picture[1] * picture[2] > 1}
