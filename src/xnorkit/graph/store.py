"""Graphs to files and back. The graph is JSON in the file's metadata; its schema is in ``docs/format.md``.

``{"nodes": [{"name", "op", "inputs"?, "attrs"?, "tensors"?, "source"?}, ...], "outputs": [name, ...]}``
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..errors import GraphError
from ..format import read as reader
from ..format import write as writer
from ..format.layout import DEFAULT_BUDGET_BYTES, Records
from ..format.read import Source
from ..format.strict_json import dump, parse
from .infer import complete_attrs
from .ir import Graph, Node
from .verify import verify

_NODE_FIELDS: dict[str, type] = {"name": str, "op": str, "inputs": list, "attrs": dict, "tensors": dict, "source": str}
_REQUIRED = ("name", "op")


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
    return from_records(reader.read(source, budget_bytes=budget_bytes))


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
    root = {"nodes": [_node_to_json(node) for node in graph.nodes], "outputs": list(graph.outputs)}
    return Records(dump(root), dict(graph.tensors), dict(graph.meta))


def from_records(records: Records) -> Graph:
    """The verified graph. Raises FormatError for text that is no strict JSON, GraphError for everything above it."""
    root = parse(records.graph, "graph")
    _check_fields("graph", root, {"nodes": list, "outputs": list}, ("nodes", "outputs"))
    nodes = tuple(_node_from_json(i, found) for i, found in enumerate(root["nodes"]))
    _check_texts("outputs", root["outputs"])
    graph = Graph(nodes, tuple(root["outputs"]), dict(records.tensors), dict(records.meta))
    verify(graph)
    return graph


def _node_to_json(node: Node) -> dict[str, Any]:
    attrs = complete_attrs(node)
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
