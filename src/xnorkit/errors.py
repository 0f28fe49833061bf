"""One exception family with stable codes, shared by Python and the C++ engine.

Every message reads ``[where] what: got X, expected Y`` and may end in a hint that says what to do next.

>>> str(ShapeError("bconv2d", "channels", got=3, expected=4, hint="check the layer before"))
'[bconv2d] channels: got 3, expected 4\\nhint: check the layer before'
"""

from __future__ import annotations

from typing import ClassVar

_UNSET: object = object()


class XnorkitError(Exception):
    """Base of all errors a user can meet; ``code`` never changes once released.

    Parameters
    ----------
    where: the op, file, recipe key or verb that refused.
    what: the thing that is wrong, in the user's terms.
    got, expected: shown only when given.
    hint: what to type or change next.
    """

    code: ClassVar[str] = "XK_ERROR"

    def __init__(
        self, where: str, what: str, *, got: object = _UNSET, expected: object = _UNSET, hint: str = ""
    ) -> None:
        self.where, self.what, self.hint = where, what, hint
        self.got = None if got is _UNSET else got
        self.expected = None if expected is _UNSET else expected
        facts = []
        if got is not _UNSET:
            facts.append(f"got {got}")
        if expected is not _UNSET:
            facts.append(f"expected {expected}")
        message = f"[{where}] {what}" + (": " + ", ".join(facts) if facts else "")
        super().__init__(message + (f"\nhint: {hint}" if hint else ""))


class ShapeError(XnorkitError, ValueError):
    """A size or rank does not fit."""

    code = "XK_SHAPE"


class DTypeError(XnorkitError, TypeError):
    """An element type does not fit."""

    code = "XK_DTYPE"


class RangeError(XnorkitError, ValueError):
    """A value is outside its domain (NaN included)."""

    code = "XK_RANGE"


class LimitError(XnorkitError, MemoryError):
    """A stated limit or memory budget would be exceeded; nothing was allocated."""

    code = "XK_LIMIT"


class FormatError(XnorkitError, ValueError):
    """The bytes are no valid packed file; ``reason`` is one of the closed list in ``format/validate.py``."""

    code = "XK_FORMAT"

    def __init__(self, reason: str, where: str, what: str, *, got: object = _UNSET, expected: object = _UNSET,
                 hint: str = "") -> None:  # fmt: skip
        self.reason = reason
        super().__init__(where, f"{what} ({reason})", got=got, expected=expected, hint=hint)


class GraphError(XnorkitError, ValueError):
    """The graph breaks a rule of ``graph/verify.py``; ``reason`` is one of its closed list."""

    code = "XK_GRAPH"

    def __init__(self, reason: str, where: str, what: str, *, got: object = _UNSET, expected: object = _UNSET,
                 hint: str = "") -> None:  # fmt: skip
        self.reason = reason
        super().__init__(where, f"{what} ({reason})", got=got, expected=expected, hint=hint)


class UnsupportedError(XnorkitError, RuntimeError):
    """The request is well formed but cannot be packed or run; names the module or op and what to do."""

    code = "XK_UNSUPPORTED"


class DataError(XnorkitError, ValueError):
    """A dataset or picture is missing or malformed."""

    code = "XK_DATA"


class RecipeError(XnorkitError, ValueError):
    """A recipe has an unknown key or an impossible value."""

    code = "XK_RECIPE"


class CheckpointError(XnorkitError, RuntimeError):
    """A checkpoint is missing, incomplete or of another model."""

    code = "XK_CHECKPOINT"


class SaveError(XnorkitError, OSError):
    """Writing failed (full disk, no permission); the previous file, if any, is untouched."""

    code = "XK_SAVE"


class ParityError(XnorkitError, AssertionError):
    """The packed model differs from the trained one; names the first layer and element."""

    code = "XK_PARITY"


class BenchError(XnorkitError, RuntimeError):
    """A system in a race cannot run the work or answers wrongly."""

    code = "XK_BENCH"


class MissingDependencyError(XnorkitError, ImportError):
    """An optional dependency is needed; the hint is the command that installs it."""

    code = "XK_DEPENDENCY"


ERRORS: dict[str, type[XnorkitError]] = {
    cls.code: cls
    for cls in (XnorkitError, ShapeError, DTypeError, RangeError, LimitError, FormatError, GraphError,
                UnsupportedError, DataError, RecipeError, CheckpointError, SaveError, ParityError, BenchError,
                MissingDependencyError)
}  # fmt: skip
"""The table of codes: the engine reports a code and ``runtime`` raises the class found here."""
