"""Types of the compiled module; engine/bindings/ is its source."""

from collections.abc import Mapping, Sequence
from typing import Any, TypedDict

from numpy.typing import NDArray

MAX_NODES: int
DEFAULT_MEMORY_BUDGET: int
CODECS: tuple[str, ...]

CodedTuple = tuple[str, list[int], dict[str, int], dict[str, NDArray[Any]]]

class EngineError(RuntimeError):
    """args: (code of xnorkit.errors.ERRORS, "[where] what: got X, expected Y")."""

class StepRow(TypedDict):
    op: str
    kernel: str
    values: list[int]
    multiply_adds: int
    packed_bytes: int

class KernelRow(TypedDict):
    family: str
    name: str
    isa: str
    runs_here: bool

class PeakRow(TypedDict):
    name: str
    isa: str
    kind: str
    multiply_adds: int
    runs_here: bool

class OpRow(TypedDict):
    inputs: int
    accepts: list[str]
    attrs: list[str]
    tensors: list[tuple[str, str, bool]]

class Program:
    @property
    def inputs(self) -> list[tuple[str, tuple[int, int, int]]]: ...
    @property
    def outputs(self) -> list[tuple[str, tuple[int, int, int]]]: ...
    @property
    def steps(self) -> list[StepRow]: ...
    @property
    def isa(self) -> str: ...
    @property
    def weight_bytes(self) -> int: ...
    @property
    def arena_bytes(self) -> int: ...
    @property
    def live_bytes(self) -> int: ...
    def run_bytes(self, batch: int, threads: int) -> int: ...
    def run(
        self, inputs: Sequence[NDArray[Any]], outputs: Sequence[NDArray[Any]], threads: int = 1, profile: bool = False
    ) -> list[float]: ...

class Builder:
    def input(self, dtype: str, shape: Sequence[int]) -> int: ...
    def add(
        self, op: str, inputs: Sequence[int], attrs: Mapping[str, Any], tensors: Mapping[str, NDArray[Any] | CodedTuple]
    ) -> int: ...
    def mark_output(self, value: int) -> None: ...
    def value_type(self, value: int) -> tuple[str, tuple[int, int, int]]: ...
    def build(self, isa: str = "", fuse: bool = True, memory_budget: int = ...) -> Program: ...

def decode(
    codec: str, shape: list[int], attrs: dict[str, int], parts: dict[str, NDArray[Any]], weight: NDArray[Any]
) -> None: ...
def kernels() -> list[KernelRow]: ...
def ops() -> dict[str, OpRow]: ...
def detect_isa() -> str: ...
def check_isa(wanted: str) -> str: ...
def isa_levels() -> list[str]: ...
def peaks() -> list[PeakRow]: ...
def run_peak(name: str, iterations: int) -> float: ...
def read_memory(words: NDArray[Any]) -> float: ...
