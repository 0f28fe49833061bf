"""PyTorch, eager, float32: ``F.conv2d`` or ``F.linear`` alone, without batch norm and sign, NCHW and channels-last."""

from __future__ import annotations

from importlib.metadata import version
from typing import TYPE_CHECKING

import numpy as np

from ..case import Case
from .contract import Array, Peer, Runner, require_close

if TYPE_CHECKING:
    import torch

INSTALL = 'pip install "xnorkit[train]"'


class LayerRunner(Runner):
    """One layer; ``channels_last`` keeps input and weight in NHWC order."""

    def __init__(self, case: Case, threads: int, *, channels_last: bool) -> None:
        import torch

        form = torch.channels_last if channels_last else torch.contiguous_format
        self._torch, self._work, self._threads = torch, case.work, threads
        self._x = torch.from_numpy(case.x.astype(np.float32)).permute(0, 3, 1, 2).contiguous(memory_format=form)
        weight = torch.from_numpy(case.weight.astype(np.float32)).permute(0, 3, 1, 2)
        self._weight = weight.contiguous(memory_format=form)
        self._out: torch.Tensor = torch.empty(0)

    def run(self) -> None:
        torch, work = self._torch, self._work
        if torch.get_num_threads() != self._threads:  # another system's runner may have changed it
            torch.set_num_threads(self._threads)
        with torch.inference_mode():
            if work.kind == "dense":
                self._out = torch.nn.functional.linear(self._x.flatten(1), self._weight.flatten(1))[..., None, None]
            else:
                self._out = torch.nn.functional.conv2d(self._x, self._weight, stride=work.stride, padding=work.padding)

    def answer(self) -> Array:
        return self._out.permute(0, 2, 3, 1).numpy()

    def check(self, case: Case) -> None:
        self.run()
        require_close("torch", self.answer(), case.sums)


PEERS = (
    Peer(
        "torch",
        "fp32",
        INSTALL,
        lambda work: work.kind != "net",
        lambda case, threads: LayerRunner(case, threads, channels_last=False),
        lambda: version("torch"),
        module="torch",
    ),
    Peer(
        "torch channels-last",
        "fp32",
        INSTALL,
        lambda work: work.kind == "conv",
        lambda case, threads: LayerRunner(case, threads, channels_last=True),
        lambda: version("torch"),
        module="torch",
    ),
)
