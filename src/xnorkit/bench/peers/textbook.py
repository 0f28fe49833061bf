"""The textbook loop: seven nested loops in plain C, float32, NCHW, compiled by the system's compiler at -O3.

The paper's 58x (Rastegari et al. 2016, section 4.1) is over such a baseline.
"""

from __future__ import annotations

import ctypes
import subprocess
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from ...errors import BenchError
from ..case import Case
from ..works import Work
from .contract import Array, Peer, Runner, require_equal

COMPILER = "cc"
FLAGS = ("-O3", "-shared", "-fPIC")
MAX_MULTIPLY_ADDS = 500_000_000
"""Larger works would take seconds a run."""

SOURCE = """
void conv(const float* x, const float* w, float* out, int n, int c, int size, int o, int k, int stride, int pad,
          int out_size) {
  for (int b = 0; b < n; b++)
    for (int m = 0; m < o; m++)
      for (int y = 0; y < out_size; y++)
        for (int v = 0; v < out_size; v++) {
          float sum = 0;
          for (int ch = 0; ch < c; ch++)
            for (int i = 0; i < k; i++)
              for (int j = 0; j < k; j++) {
                int row = y * stride + i - pad, column = v * stride + j - pad;
                if (row < 0 || row >= size || column < 0 || column >= size) continue;
                sum += x[((b * c + ch) * size + row) * size + column] * w[((m * c + ch) * k + i) * k + j];
              }
          out[((b * o + m) * out_size + y) * out_size + v] = sum;
        }
}
"""


@cache
def _library() -> Any:
    """The compiled loop. Raises BenchError with the compiler's words."""
    with tempfile.TemporaryDirectory(prefix="xnorkit-bench-") as folder:
        source, target = Path(folder) / "textbook.c", Path(folder) / "textbook.so"
        source.write_text(SOURCE)
        command = [COMPILER, *FLAGS, str(source), "-o", str(target)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise BenchError("textbook", "the compiler failed", got=done.stderr.strip()[-500:])
        return ctypes.CDLL(str(target))  # stays mapped after the file is gone


class LayerRunner(Runner):
    """One layer, one thread whatever is asked."""

    def __init__(self, case: Case) -> None:
        work = case.work
        self._conv = _library().conv
        self._x = np.ascontiguousarray(case.x.transpose(0, 3, 1, 2), np.float32)
        self._weight = np.ascontiguousarray(case.weight.transpose(0, 3, 1, 2), np.float32)
        self._out = np.empty((work.batch, work.out_channels, work.out_size, work.out_size), np.float32)
        sizes = (work.batch, work.channels, work.size, work.out_channels, work.kernel, work.stride, work.padding)
        pointers = (a.ctypes.data_as(ctypes.c_void_p) for a in (self._x, self._weight, self._out))
        self._arguments = (*pointers, *(ctypes.c_int(n) for n in (*sizes, work.out_size)))

    def run(self) -> None:
        self._conv(*self._arguments)

    def answer(self) -> Array:
        return self._out.transpose(0, 2, 3, 1)

    def check(self, case: Case) -> None:
        self.run()
        require_equal("textbook", self.answer(), case.sums)


def _version() -> str:
    done = subprocess.run([COMPILER, "--version"], capture_output=True, text=True, check=False)
    return f"{done.stdout.splitlines()[0]} {FLAGS[0]}" if done.stdout else "unknown"


def _works(work: Work) -> bool:
    return work.kind != "net" and work.multiply_adds <= MAX_MULTIPLY_ADDS


PEERS = (
    Peer(
        "textbook C loop",
        "textbook",
        "apt-get install gcc",
        _works,
        lambda case, threads: LayerRunner(case),
        _version,
        program=COMPILER,
    ),
)
