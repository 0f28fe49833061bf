"""A graph on the compiled engine: every node becomes one Builder call; the engine checks, fuses and plans."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import LimitError
from ..graph.ir import Graph, Node, Tensor
from ..reference import bits
from ..reference.codecs.coded import Coded
from ..reference.ops import OPS
from ..reference.shapes import TensorType
from .backend import NUMPY, Array
from .decode import damage, decoded, parts_of, runs_by_table, runs_hashed
from .inputs import plain
from .native import engine, failures
from .profile import Profile, ProfileRow

if TYPE_CHECKING:
    from ._engine import CodedTuple

ISA_VARIABLE = "XNORKIT_ISA"
"""Environment variable that lowers the instruction set of sessions which do not name one."""
CHUNK_BYTES = 64 << 20
"""Engine memory one call aims to stay below: a larger batch is run in chunks."""
CHUNK_IMAGES = 1024


class EngineBackend:
    """Implements ``Backend``.

    outputs: values to return, any of the graph's.
    isa: one of ``cpu.levels()``; None or "" takes ``XNORKIT_ISA`` if set, else the best of this CPU.
    fuse: False runs every node as a step of its own, for tests and profiles.

    Raises RangeError (unknown isa), UnsupportedError (an isa this CPU lacks), LimitError (budget), or what the engine
    refuses about a node, with the node's name.
    """

    def __init__(self, graph: Graph, types: Mapping[str, TensorType], outputs: Sequence[str], *, isa: str | None = None,
                 fuse: bool = True, memory_budget: int = engine.DEFAULT_MEMORY_BUDGET) -> None:  # fmt: skip
        matrices = _settle_budget(graph, memory_budget)
        builder = engine.Builder()
        ids: dict[str, int] = {}
        for node in graph.nodes:
            attrs = OPS[node.op].complete(node.attrs)
            weight = graph.tensors.get(node.tensors.get("weight", ""))
            with failures(node.name), damage(weight if isinstance(weight, Coded) else None):
                if node.op == "input":
                    ids[node.name] = builder.input(attrs["dtype"], attrs["shape"])
                    continue
                tensors = {role: self._tensor(node, attrs, graph.tensors[key], matrices)
                           for role, key in node.tensors.items()}  # fmt: skip
                ids[node.name] = builder.add(node.op, [ids[name] for name in node.inputs], attrs, tensors)
        self._types = [types[name] for name in outputs]
        self._stored = [_stored(kind) for kind in self._types]
        with failures():
            for name in outputs:
                builder.mark_output(ids[name])
            self.program = builder.build(isa or os.environ.get(ISA_VARIABLE, ""), fuse, memory_budget)
        self._inputs = [node.name for node in graph.nodes if node.op == "input"]
        self._names = {value: name for name, value in ids.items()}
        self._chunk = max(1, min(CHUNK_IMAGES, CHUNK_BYTES // max(1, self.program.arena_bytes)))

    @staticmethod
    def _tensor(node: Node, attrs: Mapping[str, Any], tensor: Tensor, matrices: bool) -> Array | CodedTuple:
        """A tensor as the engine takes it: its numbers, or a weight that runs in its form."""
        if runs_by_table(node, attrs, tensor) or (not matrices and runs_hashed(node, tensor)):
            assert isinstance(tensor, Coded)
            return parts_of(tensor)
        return plain(decoded(tensor))

    def run(
        self, inputs: Mapping[str, Array], batch: int, threads: int, profile: bool
    ) -> tuple[Sequence[Array], Profile | None]:
        """See ``Backend``."""
        arrays = [inputs[name] for name in self._inputs]
        results = [np.empty((batch, *shape), dtype) for shape, dtype in self._stored]
        seconds = np.zeros(len(self.program.steps)) if profile else None
        with failures():
            for start in range(0, batch, self._chunk):
                part = slice(start, start + self._chunk)
                spent = self.program.run([a[part] for a in arrays], [r[part] for r in results], threads, profile)
                if seconds is not None:
                    seconds += spent
        values = [bits.unpack(r, t.shape[2]) if t.dtype == "bits" else r
                  for r, t in zip(results, self._types, strict=True)]  # fmt: skip
        return values, None if seconds is None else self._profile(seconds, batch)

    def _profile(self, seconds: Array, batch: int) -> Profile:
        rows = (
            ProfileRow(" + ".join(self._names[v] for v in step["values"]), step["op"], step["kernel"], float(spent),
                       step["multiply_adds"] * batch)
            for step, spent in zip(self.program.steps, seconds, strict=True)
        )  # fmt: skip
        return Profile(tuple(rows), batch)


def _settle_budget(graph: Graph, memory_budget: int) -> bool:
    """Whether hashed layers get their matrix: it is faster, so they do where all weights fit the budget when decoded.

    Weights are decoded before the engine packs and counts them, so their size is counted first. Raises LimitError.
    """
    weighted = [node for node in graph.nodes if "weight" in node.tensors]
    tabled = {key for node in weighted if runs_by_table(node, OPS[node.op].complete(node.attrs),
                                                        graph.tensors[key := node.tensors["weight"]])}  # fmt: skip
    sizes = {key: tensor.nbytes if key in tabled else 4 * tensor.size
             for key, tensor in graph.tensors.items() if isinstance(tensor, Coded)}  # fmt: skip
    if sum(sizes.values()) <= memory_budget:
        return True
    hashed = {key for node in graph.nodes for key in node.tensors.values() if runs_hashed(node, graph.tensors[key])}
    least = sum(graph.tensors[key].nbytes if key in hashed else size for key, size in sizes.items())
    if least > memory_budget:
        raise LimitError("session", "bytes of coded weights when decoded", got=least, hint="raise memory_budget",
                         expected=f"at most {memory_budget}")  # fmt: skip
    return False


def _stored(kind: TensorType) -> tuple[tuple[int, ...], type[np.generic]]:
    """Shape and type of one image of an output as the engine writes it: bits as packed rows."""
    h, w, c = kind.shape
    return ((h, w, bits.row_bytes(c)), np.uint8) if kind.dtype == "bits" else ((h, w, c), NUMPY[kind.dtype])
