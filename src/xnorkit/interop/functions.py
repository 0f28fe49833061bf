"""The functions of ``functions.onnxtxt``, parsed.

>>> [node.op_type for node in functions()["Sign"].node]
['Constant', 'Less', 'Constant', 'Constant', 'Where']
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache
from importlib.resources import files
from typing import Any

from ..errors import MissingDependencyError

DOMAIN = "org.xnorkit"
VERSION = 1
OPSET = 18
"""Of the standard operators: the first with BitwiseAnd and with Pad by axes."""


def onnx() -> Any:
    """The ``onnx`` package. Raises MissingDependencyError."""
    try:
        import onnx
        import onnx.parser
    except ImportError:
        raise MissingDependencyError("onnx", "is not installed", got="no module onnx", expected="onnx",
                                     hint='pip install "xnorkit[onnx]"') from None  # fmt: skip
    return onnx


@cache
def functions() -> dict[str, Any]:
    """Name -> ``onnx.FunctionProto``. Raises MissingDependencyError."""
    text = files(__package__).joinpath("functions.onnxtxt").read_text(encoding="utf-8")
    head = f'<domain: "{DOMAIN}", opset_import: ["": {OPSET}, "{DOMAIN}": {VERSION}]>\n'
    bodies = re.split(r"(?<=^\})$", re.sub(r"^#.*\n", "", text, flags=re.MULTILINE), flags=re.MULTILINE)
    parsed = (onnx().parser.parse_function(head + body.strip().replace("<> ", "")) for body in bodies if body.strip())
    return {function.name: function for function in parsed}


def needed(names: Iterable[str]) -> list[Any]:
    """The functions of those names and all that they call, each once, callees first."""
    found: dict[str, Any] = {}

    def visit(name: str) -> None:
        if name not in found:
            function = functions()[name]
            for node in function.node:
                if node.domain == DOMAIN:
                    visit(node.op_type)
            found[name] = function

    for name in names:
        visit(name)
    return list(found.values())
