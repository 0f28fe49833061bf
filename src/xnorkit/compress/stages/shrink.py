"""Dead units go: channels and neurons that nothing reads any more, or whose value no input changes (Han et al. 2015,
sec. 3.5). What a constant one gave is added to the biases behind it, so that the net computes the same."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import torch
from torch import Tensor, nn

from ..layers import Layer, float_layers
from ..resize import graph_of, resized
from .base import Stage

if TYPE_CHECKING:
    from ..work import Work


@dataclass(frozen=True)
class Shrink(Stage):
    """Layers get narrower by their dead units; the answers stay, but for the order of additions."""

    name: ClassVar[str] = "shrink"
    doc: ClassVar[str] = "dead neurons and channels taken out, what constant ones gave goes to biases (Han et al. 2015)"

    def apply(self, model: nn.Module, work: Work) -> None:
        example, _ = work.pictures(2)
        with resized(model.eval(), example):
            while take_dead(model, example):
                pass
        work.train_on(model, "train", epochs=0, lr=1.0)


@torch.no_grad()
def take_dead(model: nn.Module, example: Tensor) -> int:
    """Take the dead units of every layer out, once; returns how many there were. Each layer keeps at least one."""
    taken = 0
    with torch.enable_grad():
        graph = graph_of(model, example)
    for layer in list(float_layers(model).values()):
        prune = graph.get_pruner_of_module(layer).prune_out_channels
        group = graph.get_pruning_group(layer, prune, idxs=list(range(layer.weight.shape[0])))
        readers = _readers(group, layer)
        if readers is None:
            continue
        dead = _dead(layer, readers)
        if dead and len(dead) < layer.weight.shape[0]:
            _keep_constants(model, layer, readers, dead, example)
            group = graph.get_pruning_group(layer, prune, idxs=dead)
            group.prune()
            taken += len(dead)
    return taken


Reader = tuple[Layer, list[list[int]]]


def _readers(group: Any, root: nn.Module) -> list[Reader] | None:
    """Who reads the layer's units, and at which of their inputs, by unit; None where somebody else has a say: another
    layer's outputs (a sum), the scores themselves, or a layer with quantizers."""
    found: list[Reader] = []
    units = len(group[0].idxs)
    for dep, places in group:
        module = dep.target.module
        inward = dep.handler.__name__ == "prune_in_channels"
        if module is root and not inward:
            continue
        if isinstance(module, (nn.Linear, nn.Conv2d)):
            plain = type(module) in (nn.Linear, nn.Conv2d) and getattr(module, "groups", 1) == 1
            if not inward or not plain:
                return None
            each = len(places) // units
            found.append((module, [places[u * each : (u + 1) * each] for u in range(units)]))
    return found or None


def _dead(layer: Layer, readers: list[Reader]) -> list[int]:
    """Units that no reader weighs, and units without inputs where every reader can take a constant into its bias."""
    blind = (layer.weight.flatten(1) == 0).all(1)
    folds = all(reader.bias is not None and not _padded(reader) for reader, _ in readers)
    unread = [all(bool((reader.weight[:, places[u]] == 0).all()) for reader, places in readers)
              for u in range(len(blind))]  # fmt: skip
    return [u for u in range(len(blind)) if unread[u] or (folds and bool(blind[u]))]


def _padded(layer: Layer) -> bool:
    """Whether a constant input does not give a constant output."""
    return isinstance(layer, nn.Conv2d) and layer.padding not in (0, (0, 0), "valid")


def _keep_constants(model: nn.Module, layer: Layer, readers: list[Reader], dead: list[int], example: Tensor) -> None:
    """Add what the constant ones among the dead units give to the biases of their readers."""
    constant = [u for u in dead if bool((layer.weight[u] == 0).all())]
    seen: dict[nn.Module, Tensor] = {}
    hooks = [reader.register_forward_pre_hook(lambda module, args: seen.__setitem__(module, args[0][0]))
             for reader, _ in readers]  # fmt: skip
    model(example)
    for hook in hooks:
        hook.remove()
    for reader, places in readers:
        inputs = [place for u in constant for place in places[u]]
        if not inputs or reader.bias is None:
            continue
        values = seen[reader][inputs] if isinstance(reader, nn.Linear) else seen[reader][inputs, 0, 0]
        weight = (
            reader.weight[:, inputs].flatten(2).sum(2) if isinstance(reader, nn.Conv2d) else reader.weight[:, inputs]
        )
        reader.bias += weight @ values
