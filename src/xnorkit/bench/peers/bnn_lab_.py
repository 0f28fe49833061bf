"""bnn-lab: its packed XNOR-popcount matrix product, prepacked on both sides (``bnn.kernels``), float sums out.

Dense layers and 1x1 convolutions, whose rows are pixels; no threshold, no packing of the output.
"""

from __future__ import annotations

from importlib.metadata import version

import numpy as np

from ..case import Case
from ..works import Work
from .contract import Array, Peer, Runner, require_equal

INSTALL = "pip install --no-deps bnn-lab"


class LayerRunner(Runner):
    """Rows of pixels against rows of weights."""

    def __init__(self, case: Case, threads: int) -> None:
        from bnn import kernels

        work = case.work
        kernels.set_num_threads(threads)
        self._gemm, self._channels = kernels.binary_gemm_native_prepacked, work.channels
        self._x, _ = kernels.pack_binary_pm1(case.x.reshape(-1, work.channels).astype(np.float32))
        self._weight, _ = kernels.pack_binary_pm1(case.weight.reshape(work.out_channels, -1).astype(np.float32))
        self._shape = (work.batch, work.out_size, work.out_size, work.out_channels)
        self._out: Array = np.empty(0)

    def run(self) -> None:
        self._out = self._gemm(self._x, self._weight, self._channels)

    def answer(self) -> Array:
        return self._out.reshape(self._shape)

    def check(self, case: Case) -> None:
        self.run()
        require_equal("bnn-lab", self.answer(), case.sums)


def _works(work: Work) -> bool:
    return work.kind == "dense" or (work.kind == "conv" and work.kernel == 1 and work.stride == 1)


PEERS = (Peer("bnn-lab", "binary", INSTALL, _works, LayerRunner, lambda: version("bnn-lab"), module="bnn"),)
