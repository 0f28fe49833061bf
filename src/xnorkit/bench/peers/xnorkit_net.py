"""Our engine on whole nets: the wall time of a session's call, a float or uint8 picture in, 1000 floats out."""

from __future__ import annotations

import numpy as np

from ...runtime.session import Session
from ..case import Case
from ..net_graph import Stem, build_graph
from .contract import Array, Runner, require_equal


class NetRunner(Runner):
    """The packed binary net; its answer has the bits of the NumPy reference's."""

    def __init__(self, case: Case, threads: int, level: str, stem: Stem = "f32") -> None:
        graph = build_graph(case.net, case.seed, stem, case.work.size)
        self.session = Session(graph, threads=threads, isa=level)
        self._x = case.picture if stem == "f32" else case.pixels
        self._answer: Array = np.empty(0)

    def run(self) -> None:
        self._answer = self.session(self._x)

    def answer(self) -> Array:
        return self._answer[:, None, None, :]

    def check(self, case: Case) -> None:
        self.run()
        require_equal("xnorkit", self.answer(), case.binary_answer)
