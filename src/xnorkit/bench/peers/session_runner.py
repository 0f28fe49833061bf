"""What our engine's runners share: a session, one input, and the answer of the last call."""

from __future__ import annotations

from ...graph.ir import Graph
from ...runtime.session import Session
from .contract import Array, Runner


class SessionRunner(Runner):
    """``graph`` on ``x``, on one instruction set level (None: the best); answers are reshaped to ``shape``."""

    def __init__(self, graph: Graph, x: Array, shape: tuple[int, ...], threads: int, level: str | None = None) -> None:
        self.session = Session(graph, threads=threads, isa=level)
        self._x, self._shape = x, shape
        self._answer: Array = x

    def run(self) -> None:
        self._answer = self.session(self._x)

    def answer(self) -> Array:
        return self._answer.reshape(self._shape)

    def step_seconds(self, *without: str) -> float:
        """Seconds of one inference by the program's own clock, steps of the ops ``without`` left out."""
        return sum(row.seconds for row in self.session.profile(self._x).rows if row.op not in without)
