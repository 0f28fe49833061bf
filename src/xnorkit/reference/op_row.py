"""What a row of the op table is made of: attributes, tensor roles, and the row itself.

>>> Attr("int", 3, low=1, high=4, doc="a number").high
4
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from numpy.typing import NDArray

from ..errors import GraphError
from . import shapes
from .shapes import TensorType

Array = NDArray[Any]
Attrs = Mapping[str, Any]
AttrKind = Literal["int", "ints2", "ints3", "ints4", "bool", "dtype", "choice"]


@dataclass(frozen=True)
class Attr:
    """One attribute: kind, default (None = required), inclusive bounds for its integers, words of a "choice".

    later: it joined a row that was released without it; files name it only where it is not the default, so that they
    stay what they were.
    """

    kind: AttrKind
    default: Any = None
    low: int = 0
    high: int = shapes.MAX_DIM
    doc: str = ""
    choices: tuple[str, ...] = ()
    later: bool = False


@dataclass(frozen=True)
class TensorSpec:
    """One tensor role: element type in the file and its shape, from input types and attributes.

    ``bits`` tensors are stored as flat bytes (``bits.pack_flat`` of the canonical shape); the shape here is by meaning.
    ``bf16`` tensors are the upper halves of float32, as uint16, here as in the file (``linear.bfloat16``).
    """

    dtype: Literal["bits", "i8", "i32", "f32", "bf16"]
    shape: Callable[[tuple[TensorType, ...], Attrs], tuple[int, ...]]
    optional: bool = False
    doc: str = ""


Infer = Callable[[tuple[TensorType, ...], Attrs], TensorType]
Run = Callable[[Sequence[Array], Attrs, Mapping[str, Array]], Array]


@dataclass(frozen=True)
class Op:
    """A row of the table. ``exact``: results are equal on every implementation; else within ``ulps`` per element."""

    name: str
    doc: str
    accepts: tuple[frozenset[str], ...]
    infer: Infer
    run: Run
    attrs: Mapping[str, Attr] = field(default_factory=dict)
    tensors: Mapping[str, TensorSpec] = field(default_factory=dict)
    exact: bool = True
    ulps: int = 0

    def complete(self, given: Attrs) -> dict[str, Any]:
        """Attributes with defaults filled in and lists as tuples.

        Raises GraphError ``bad_attr`` for an unknown, missing, ill-typed or out-of-range attribute.
        """
        unknown = sorted(set(given) - set(self.attrs))
        if unknown:
            raise GraphError("bad_attr", self.name, "unknown attribute", got=unknown[0], expected=sorted(self.attrs))
        return {key: _checked(self.name, key, spec, given.get(key, spec.default)) for key, spec in self.attrs.items()}


def _checked(op: str, name: str, spec: Attr, value: Any) -> Any:
    where = f"{op}.{name}"
    if value is None:
        raise GraphError("bad_attr", where, "required attribute is missing")
    if spec.kind == "bool":
        if not isinstance(value, bool):
            raise GraphError("bad_attr", where, "attribute", got=value, expected="true or false")
        return value
    if spec.kind == "dtype":
        if value not in ("u8", "f32"):
            raise GraphError("bad_attr", where, "element type", got=value, expected="u8 or f32")
        return value
    if spec.kind == "choice":
        if value not in spec.choices:
            raise GraphError("bad_attr", where, "attribute", got=value, expected=" or ".join(spec.choices))
        return value
    count = 1 if spec.kind == "int" else int(spec.kind[-1])
    numbers = (value,) if spec.kind == "int" else value
    ok = isinstance(numbers, (list, tuple)) and len(numbers) == count
    if not ok or any(type(n) is not int or not spec.low <= n <= spec.high for n in numbers):
        raise GraphError("bad_attr", where, "attribute", got=value,
                         expected=f"{count} integer(s) in {spec.low}..{spec.high}")  # fmt: skip
    return value if spec.kind == "int" else tuple(numbers)
