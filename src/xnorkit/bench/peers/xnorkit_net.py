"""Our engine on whole nets: the wall time of a session's call, a float or uint8 picture in, 1000 floats out."""

from __future__ import annotations

from ..case import Case
from ..net_graph import Stem, build_graph
from .contract import require_equal
from .session_runner import SessionRunner


class NetRunner(SessionRunner):
    """The packed binary net; its answer has the bits of the NumPy reference's."""

    def __init__(self, case: Case, threads: int, level: str, stem: Stem = "f32") -> None:
        graph = build_graph(case.net, case.seed, stem, case.work.size)
        x = case.picture if stem == "f32" else case.pixels
        super().__init__(graph, x, (case.work.batch, 1, 1, -1), threads, level)

    def check(self, case: Case) -> None:
        self.run()
        require_equal("xnorkit", self.answer(), case.binary_answer)
