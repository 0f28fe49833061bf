"""The compiled engine, and its failures as the classes of ``xnorkit.errors``.

>>> with failures():
...     engine.check_isa("mmx")  # doctest: +ELLIPSIS
Traceback (most recent call last):
    ...
xnorkit.errors.RangeError: [cpu] isa: got mmx, expected scalar...
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from ..errors import ERRORS, GraphError, MissingDependencyError, XnorkitError

try:
    from . import _engine
except ImportError as error:
    raise MissingDependencyError("runtime", "the compiled engine does not load", got=str(error),
                                 hint="pip install xnorkit, or from a clone: make engine") from error  # fmt: skip

engine = _engine
ENGINE_REASON = "engine"
"""GraphError's reason when the engine refuses what ``graph.verify`` let pass."""

_MESSAGE = re.compile(r"\[([^\]]*)\] (.*)", re.S)


@contextmanager
def failures(node: str = "") -> Iterator[None]:
    """Turns EngineError(code, message) into the class of that code; ``node`` names the place in the graph."""
    try:
        yield
    except engine.EngineError as error:
        code, message = error.args
        raise translated(code, message, node) from None


def translated(code: str, message: str, node: str = "") -> XnorkitError:
    """The error of the table with the engine's words.

    >>> translated("XK_SHAPE", "[dense] input: got (2, 1, 1), expected (1, 1, C)", node="fc1")
    ShapeError('[fc1: dense] input: got (2, 1, 1), expected (1, 1, C)')
    """
    found = _MESSAGE.fullmatch(message)
    where, what = found.groups() if found else ("engine", message)
    where = f"{node}: {where}" if node else where
    cls = ERRORS.get(code, XnorkitError)
    return GraphError(ENGINE_REASON, where, what) if cls is GraphError else cls(where, what)
