"""PyTorch, eager, float32, on whole float nets: one function call a layer, batch norms folded away."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ..case import Case
from ..nets import IMAGE, Layer
from .contract import Array, Runner
from .net_layers import nchw_layers, require_fp32

if TYPE_CHECKING:
    import torch


class NetRunner(Runner):
    """The float form; ``channels_last`` keeps pictures and weights in NHWC order."""

    def __init__(self, case: Case, threads: int, *, channels_last: bool) -> None:
        import torch

        form = torch.channels_last if channels_last else torch.contiguous_format
        self._torch, self._threads = torch, threads
        self._x = torch.from_numpy(case.picture).permute(0, 3, 1, 2).contiguous(memory_format=form)
        self._steps: list[tuple[Layer, Callable[..., torch.Tensor]]] = []
        for layer, arrays in nchw_layers(case, "float"):
            tensors = {role: torch.from_numpy(array) for role, array in arrays.items()}
            if layer.op == "conv":
                tensors["weight"] = tensors["weight"].contiguous(memory_format=form)
            self._steps.append((layer, _function(torch, layer, tensors)))
        self._out: torch.Tensor = torch.empty(0)

    def run(self) -> None:
        if self._torch.get_num_threads() != self._threads:  # another system's runner may have changed it
            self._torch.set_num_threads(self._threads)
        values = {IMAGE: self._x}
        with self._torch.inference_mode():
            for layer, function in self._steps:
                values[layer.name] = function(*(values[name] for name in layer.inputs))
        self._out = values[layer.name]

    def answer(self) -> Array:
        return self._out.numpy()[:, None, None, :]

    def check(self, case: Case) -> None:
        self.run()
        require_fp32("torch", self.answer(), case)


def _function(torch: Any, layer: Layer, tensors: dict[str, Any]) -> Callable[..., Any]:
    f = torch.nn.functional
    if layer.op == "conv":
        return lambda x: f.conv2d(x, tensors["weight"], tensors["bias"], layer.stride, layer.padding)
    if layer.op == "dense":
        return lambda x: f.linear(x, tensors["weight"], tensors["bias"])
    if layer.op == "max_pool":
        return lambda x: f.max_pool2d(x, layer.kernel, layer.stride, layer.padding)
    table: dict[str, Callable[..., Any]] = {
        "relu": f.relu_,  # in place, as most models have it; no value is read after its ReLU
        "add": torch.add,
        "global_avg_pool": lambda x: x.mean((2, 3)),
        "flatten": lambda x: x.flatten(1),
    }
    return table[layer.op]
