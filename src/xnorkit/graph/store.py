"""Graphs to files and back. The graph is JSON in the file's metadata; its schema is in ``docs/format.md``.

``{"nodes": [{"name", "op", "inputs"?, "attrs"?, "tensors"?, "source"?}, ...], "outputs": [name, ...],
"coded"?: {tensor: {"codec", "shape", "attrs", "parts"}, ...}}``; a file with ``coded`` is of version 2.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import FormatError, GraphError
from ..format import read as reader
from ..format import write as writer
from ..format.layout import DEFAULT_BUDGET_BYTES, Records
from ..format.read import Source
from ..format.strict_json import dump, parse
from ..reference.codecs.coded import Coded
from ..reference.codecs.table import from_bytes as coded_from_bytes
from ..reference.codecs.table import part_bytes
from ..reference.ops import OPS
from .infer import complete_attrs, shown
from .ir import Graph, Node, Tensor
from .verify import verify

_NODE_FIELDS: dict[str, type] = {"name": str, "op": str, "inputs": list, "attrs": dict, "tensors": dict, "source": str}
_REQUIRED = ("name", "op")
_ROOT: dict[str, type] = {"nodes": list, "outputs": list}
_CODED: dict[str, type] = {"codec": str, "shape": list, "attrs": dict, "parts": dict}


@dataclass(frozen=True)
class FileInfo:
    """Facts of a file that are no part of the graph. ``sha256`` identifies its content; sizes in bytes."""

    version: int
    sha256: str
    header_bytes: int
    tensor_bytes: int
    padding_bytes: int
    file_bytes: int


def save(graph: Graph, path: str | os.PathLike[str]) -> int:
    """Verify the graph, write it atomically and return the file's size in bytes.

    Raises GraphError, FormatError (a header above 1 MB, ...) or SaveError; an existing file is then untouched.
    """
    return writer.write(to_records(graph), path)


def to_bytes(graph: Graph) -> bytes:
    """The file as bytes; the same graph gives the same bytes. Raises GraphError or FormatError."""
    return writer.to_bytes(to_records(graph))


def load(source: Source, *, budget_bytes: int = DEFAULT_BUDGET_BYTES) -> Graph:
    """The verified graph in a file (a path, mapped) or in the bytes of one. Raises FormatError or GraphError."""
    graph = from_records(reader.read(source, budget_bytes=budget_bytes))
    decoded = sum(4 * t.size if isinstance(t, Coded) else t.nbytes for t in graph.tensors.values())
    if decoded > budget_bytes:
        raise FormatError("over_budget", "tensors", "bytes when decoded", got=decoded,
                          expected=f"at most {budget_bytes}",
                          hint="raise budget_bytes if you trust the file")  # fmt: skip
    return graph


def from_bytes(data: bytes) -> Graph:
    """``load`` for bytes only."""
    return load(data)


def info(source: Source) -> FileInfo:
    """Version, hash and sizes of a file. Raises FormatError."""
    records = reader.read(source)
    tensor_bytes = sum(a.nbytes for a in records.tensors.values())
    file_bytes = records.header_bytes + records.data_bytes
    return FileInfo(records.version, records.sha256, records.header_bytes, tensor_bytes,
                    records.data_bytes - tensor_bytes, file_bytes)  # fmt: skip


def to_records(graph: Graph) -> Records:
    """Verify the graph and turn it into records; attributes are written in full, defaults included."""
    verify(graph)
    root: dict[str, Any] = {"nodes": [_node_to_json(node) for node in graph.nodes], "outputs": list(graph.outputs)}
    coded = {key: tensor for key, tensor in graph.tensors.items() if isinstance(tensor, Coded)}
    if coded:
        root["coded"] = {key: description(tensor) for key, tensor in coded.items()}
    tensors = {key: np.frombuffer(tensor.tobytes(), np.uint8) if isinstance(tensor, Coded) else tensor
               for key, tensor in graph.tensors.items()}  # fmt: skip
    return Records(dump(root), tensors, dict(graph.meta), version=2 if coded else 1)


def from_records(records: Records) -> Graph:
    """The verified graph. Raises FormatError for text that is no strict JSON, GraphError for everything above it."""
    root = parse(records.graph, "graph")
    _check_fields("graph", root, _ROOT | {"coded": dict} if records.version > 1 else _ROOT, tuple(_ROOT))
    nodes = tuple(_node_from_json(i, found) for i, found in enumerate(root["nodes"]))
    _check_texts("outputs", root["outputs"])
    coded = root.get("coded", {})
    if unknown := sorted(set(coded) - set(records.tensors)):
        raise GraphError("missing_tensor", "coded", "tensor", got=shown(unknown[0]), expected="a tensor of the file")
    tensors = {key: _coded_from_json(key, coded[key], data) if key in coded else data
               for key, data in records.tensors.items()}  # fmt: skip
    graph = Graph(nodes, tuple(root["outputs"]), tensors, dict(records.meta))
    verify(graph)
    return graph


def _node_to_json(node: Node) -> dict[str, Any]:
    rows = OPS[node.op].attrs
    attrs = {key: value for key, value in complete_attrs(node).items()
             if not rows[key].later or value != rows[key].default}  # fmt: skip
    full = {"name": node.name, "op": node.op, "inputs": list(node.inputs), "attrs": attrs,
            "tensors": dict(node.tensors), "source": node.source}  # fmt: skip
    return {key: value for key, value in full.items() if key in _REQUIRED or value}


def _node_from_json(index: int, found: Any) -> Node:
    where = f"nodes[{index}]"
    _check_fields(where, found, _NODE_FIELDS, _REQUIRED)
    _check_texts(f"{where}.inputs", found.get("inputs", []))
    _check_texts(f"{where}.tensors", list(found.get("tensors", {}).values()))
    attrs = {key: tuple(value) if isinstance(value, list) else value for key, value in found.get("attrs", {}).items()}
    return Node(found["name"], found["op"], tuple(found.get("inputs", ())), attrs, dict(found.get("tensors", {})),
                found.get("source", ""))  # fmt: skip


def description(coded: Coded) -> dict[str, Any]:
    """What the field `coded` of a file says of a weight."""
    return {"codec": coded.codec, "shape": list(coded.shape), "attrs": coded.attrs, "parts": part_bytes(coded)}


def _coded_from_json(key: str, found: Any, data: NDArray[Any]) -> Tensor:
    where = f"coded.{key}"
    _check_fields(where, found, _CODED, tuple(_CODED))
    sizes = [*found["shape"], *found["attrs"].values(), *found["parts"].values()]
    if not all(isinstance(n, int) and not isinstance(n, bool) for n in sizes):
        raise GraphError("bad_schema", where, "shape, attrs and parts", expected="whole numbers")
    if data.dtype != np.uint8 or data.ndim != 1:
        raise GraphError("coded", where, "stored as", got=f"{data.dtype} {data.shape}", expected="one row of uint8")
    return coded_from_bytes(found["codec"], tuple(found["shape"]), found["attrs"], found["parts"], data)


def _check_fields(where: str, found: Any, fields: Mapping[str, type], required: tuple[str, ...]) -> None:
    if not isinstance(found, dict):
        raise GraphError("bad_schema", where, "value", got=type(found).__name__, expected="an object")
    for key, value in found.items():
        if key not in fields:
            raise GraphError("bad_schema", where, "unknown field", got=ascii(key)[:64], expected=", ".join(fields))
        if not isinstance(value, fields[key]):
            raise GraphError(
                "bad_schema", f"{where}.{key}", "type", got=type(value).__name__, expected=fields[key].__name__
            )
    for key in required:
        if key not in found:
            raise GraphError("bad_schema", where, "missing field", got="none", expected=key)


def _check_texts(where: str, values: list[Any]) -> None:
    if not all(isinstance(value, str) for value in values):
        raise GraphError("bad_schema", where, "values", expected="texts")
