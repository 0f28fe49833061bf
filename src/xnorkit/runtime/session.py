"""Run a packed model.

>>> from xnorkit.graph.build import GraphBuilder
>>> b = GraphBuilder()
>>> weight = np.array([[1, -1, 1, 1]], np.int8)
>>> g = b.graph([b.add("bdense", b.add("sign", b.input("x", "f32", (1, 1, 4))), out_features=1,
...                    tensors={"weight": weight})])
>>> Session(g)(np.array([[0.5, -2, 3, -1]], np.float32)).tolist()
[[2]]
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np

from ..errors import GraphError, RangeError, ShapeError
from ..graph.infer import infer
from ..graph.ir import Graph
from ..graph.store import load as load_graph
from ..graph.verify import verify
from ..reference.shapes import TensorType
from .backend import Array, Backend
from .engine_backend import EngineBackend
from .inputs import checked
from .native import engine
from .profile import Profile
from .reference_backend import ReferenceBackend

MAX_THREADS = 256
Result = Array | dict[str, Array]


class Session:
    """A graph made ready to run; callable from many threads at once, also after a fork.

    model: a Graph, the path of a packed file, or the bytes of one.
    backend: "engine" (compiled, fast) or "reference" (NumPy, by meaning).
    threads: threads of one call, the caller included; may be changed later.
    isa: one of ``cpu.levels()`` to lower the instruction set; None takes ``XNORKIT_ISA``, else the CPU's best.
    taps: further values to return, by name; calls then return a dict.
    check_finite: refuse NaN and infinity in float inputs.
    fuse: False gives every node a step of its own (engine only).
    memory_budget: bytes for weights and one run, checked before allocation (engine only).

    Raises FormatError, GraphError (an invalid file or graph, or an unknown tap), RangeError, UnsupportedError (isa),
    LimitError (budget).
    """

    def __init__(
        self,
        model: Graph | str | os.PathLike[str] | bytes,
        *,
        backend: Literal["engine", "reference"] = "engine",
        threads: int = 1,
        isa: str | None = None,
        taps: Sequence[str] = (),
        check_finite: bool = False,
        fuse: bool = True,
        memory_budget: int = engine.DEFAULT_MEMORY_BUDGET,
    ) -> None:
        self.graph = model if isinstance(model, Graph) else load_graph(model)
        types = verify(self.graph) if isinstance(model, Graph) else infer(self.graph)
        for name in taps:
            if name not in types:
                raise GraphError("unknown_output", "session", "tap", got=name, expected="the name of a value")
        names = tuple(dict.fromkeys((*self.graph.outputs, *taps)))
        self.input_types: dict[str, TensorType] = {n.name: types[n.name] for n in self.graph.nodes if n.op == "input"}
        self.output_types: dict[str, TensorType] = {name: types[name] for name in names}
        self.threads = threads
        self._check_finite = check_finite
        self._single = len(names) == 1 and not taps
        self._backend: Backend
        if backend == "reference":
            self._backend = ReferenceBackend(self.graph, types, names)
        elif backend == "engine":
            self._backend = EngineBackend(self.graph, types, names, isa=isa, fuse=fuse, memory_budget=memory_budget)
        else:
            raise RangeError("session", "backend", got=backend, expected="engine or reference")

    @property
    def input_name(self) -> str:
        """The first input's name, of most graphs the only one."""
        return next(iter(self.input_types))

    @property
    def threads(self) -> int:
        """Threads of one call, the caller included: 1..256."""
        return self._threads

    @threads.setter
    def threads(self, count: int) -> None:
        self._threads = _checked_threads(count)

    @property
    def program(self) -> Any:
        """The engine's program (``steps``, ``isa``, ``weight_bytes``, ...); None on the reference backend."""
        return getattr(self._backend, "program", None)

    def __call__(self, x: Any, *, threads: int | None = None, profile: bool = False) -> Any:
        """Outputs for a batch.

        x: the input array (see ``runtime.inputs`` for its forms), or with several inputs a dict by name.
        Returns one array, or a dict by name when there are several outputs or taps: int32 or float32 ``(N, H, W, C)``,
        bits as int8 -1/+1, vectors as ``(N, C)``. With ``profile`` returns (that, Profile).

        Raises DTypeError, ShapeError, RangeError for the input, LimitError for memory.
        """
        arrays = self._arrays(x)
        batch = len(next(iter(arrays.values())))
        count = self._threads if threads is None else _checked_threads(threads)
        values, found = self._backend.run(arrays, batch, count, profile)
        named = {name: _squeezed(v) for name, v in zip(self.output_types, values, strict=True)}
        result = next(iter(named.values())) if self._single else named
        return (result, found) if profile else result

    def profile(self, x: Any, *, threads: int | None = None) -> Profile:
        """Seconds and kernel of every step of one call."""
        found: Profile = self(x, threads=threads, profile=True)[1]
        return found

    def _arrays(self, x: Any) -> dict[str, Array]:
        if not isinstance(x, Mapping):
            if len(self.input_types) > 1:
                raise ShapeError("session", "input", got="one array", expected=f"a dict of {list(self.input_types)}")
            x = {self.input_name: x}
        if set(x) != set(self.input_types):
            raise ShapeError("session", "names of inputs", got=sorted(x), expected=sorted(self.input_types))
        arrays = {n: checked(n, x[n], kind, self._check_finite) for n, kind in self.input_types.items()}
        sizes = {len(array) for array in arrays.values()}
        if len(sizes) > 1:
            raise ShapeError("session", "batch sizes of inputs", got=sorted(sizes), expected="one")
        return arrays

    def __repr__(self) -> str:
        inputs = ", ".join(f"{name}: {kind}" for name, kind in self.input_types.items())
        outputs = ", ".join(f"{name}: {kind}" for name, kind in self.output_types.items())
        return f"Session({inputs} -> {outputs}; {type(self._backend).__name__}, threads={self._threads})"


def _checked_threads(count: int) -> int:
    if not isinstance(count, (int, np.integer)) or not 1 <= count <= MAX_THREADS:
        raise RangeError("session", "threads", got=count, expected=f"1..{MAX_THREADS}")
    return int(count)


def _squeezed(value: Array) -> Array:
    return value.reshape(len(value), value.shape[3]) if value.shape[1:3] == (1, 1) else value


def load(path: str | os.PathLike[str] | bytes, **options: Any) -> Session:
    """A Session for a packed file; ``options`` as of ``Session``."""
    return Session(path, **options)
