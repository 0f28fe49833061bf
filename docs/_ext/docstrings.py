"""``{docstrings} MODULE``: signatures and docstrings of a module's public names (``__all__``, else what it defines).

Docstrings are plain text with formulas, not markup: paragraphs keep their characters, names with a colon start a line,
indented blocks and examples stay as they are.
"""

from __future__ import annotations

import importlib
import inspect
import re
from collections.abc import Iterator
from typing import Any, ClassVar

from docutils import nodes
from docutils.parsers.rst import directives
from docutils.statemachine import StringList
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

CODE = re.compile(r"(``.+?``|`[^`\n]+`)")
MARKUP = re.compile(r"([\\*_<>\[\]{}$#|~])")
FIELD = re.compile(r"^\w[\w, .*()/]{0,40}: ")


def markdown(docstring: str) -> Iterator[str]:
    """Lines of MyST Markdown that show a docstring as it was written."""
    for block in filter(None, re.split(r"\n\s*\n", inspect.cleandoc(docstring))):
        lines = block.splitlines()
        if lines[0].lstrip().startswith(">>>"):
            yield from ("~~~pycon", *(line.strip() if ">>>" in line else line for line in lines), "~~~", "")
        elif all(line.startswith("  ") for line in lines) or re.match(r"^=+  ", lines[0]):
            yield from ("~~~text", *lines, "~~~", "")
        elif len(lines) > 1 and re.fullmatch(r"-{3,}", lines[1]):
            yield from (f"**{lines[0]}**", "", *_paragraph(lines[2:]))
        else:
            yield from _paragraph(lines)


def _paragraph(lines: list[str]) -> Iterator[str]:
    text: list[str] = []
    for line in lines:
        if text and FIELD.match(line):
            text[-1] += "\\"
        parts = CODE.split(line.strip())
        text.append("".join(p if i % 2 else MARKUP.sub(r"\\\1", p) for i, p in enumerate(parts)))
    yield from (*text, "")


def public(module: Any) -> list[str]:
    """Names a module offers, in its own order."""
    listed = getattr(module, "__all__", None)
    if listed is not None:
        return [
            name for name in listed if callable(getattr(module, name)) and not inspect.ismodule(getattr(module, name))
        ]
    return [
        name for name, value in vars(module).items()
        if not name.startswith("_") and (inspect.isclass(value) or inspect.isfunction(value))
        and value.__module__ == module.__name__
    ]  # fmt: skip


def _signature(value: Any) -> str:
    try:
        return re.sub(r"(: |-> )'([^']*)'", r"\1\2", str(inspect.signature(value)))
    except (TypeError, ValueError):
        return ""


def entry(home: str, name: str, value: Any) -> Iterator[str]:
    """One name: a ``py`` object with its docstring, and below a class its own public methods."""
    kind = "class" if inspect.isclass(value) else "function"
    yield from (f":::::::{{py:{kind}}} {home}.{name}{_signature(value)}", "", *markdown(_doc(value)))
    for method in vars(value) if inspect.isclass(value) else ():
        yield from _method(value, method)
    yield from (":::::::", "")


def _method(owner: type, name: str) -> Iterator[str]:
    member = vars(owner)[name]
    is_property = isinstance(member, property)
    function = member.fget if is_property else inspect.unwrap(getattr(owner, name))
    if name.startswith("_") or getattr(function, "__module__", None) != owner.__module__ or not function.__doc__:
        return
    call = "" if is_property else _signature(function).replace("(self, ", "(").replace("(self)", "()")
    role = "property" if is_property else "method"
    yield from (f"::::::{{py:{role}}} {name}{call}", "", *markdown(function.__doc__), "::::::", "")


def _doc(value: Any) -> str:
    text = inspect.getdoc(value) or ""
    return "" if text.startswith(getattr(value, "__name__", "") + "(") else text  # what dataclass makes up


class Docstrings(SphinxDirective):
    """Everything public of one module; ``:names:`` chooses, ``:doc:`` shows the module's own docstring first."""

    required_arguments = 1
    option_spec: ClassVar = {"names": directives.unchanged, "doc": directives.flag}

    def run(self) -> list[nodes.Node]:
        """The nodes of all entries."""
        home = self.arguments[0]
        module = importlib.import_module(home)
        names = self.options["names"].split() if "names" in self.options else public(module)
        lines = list(markdown(module.__doc__ or "")) if "doc" in self.options else []
        for name in names:
            lines += entry(home, name, getattr(module, name))
        holder = nodes.Element()
        self.state.nested_parse(StringList(lines, source=home), 0, holder)
        return holder.children


def setup(app: Sphinx) -> dict[str, bool]:
    """Sphinx calls this."""
    app.add_directive("docstrings", Docstrings)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
