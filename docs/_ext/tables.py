"""``{listing} KIND``: the table that ``xnorkit list KIND`` prints, read from the code."""

from __future__ import annotations

from typing import ClassVar

from docutils import nodes
from docutils.statemachine import StringList
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from xnorkit.cli.list_ import KINDS


def _cell(value: object) -> str:
    words = {True: "yes", False: "no"}
    text = words[value] if isinstance(value, bool) else str(value)
    return text.replace("|", "\\|").replace("*", "\\*").replace("<", "&lt;").replace("\n", " ")


class Listing(SphinxDirective):
    """One table as a Markdown table."""

    required_arguments = 1
    option_spec: ClassVar = {}

    def run(self) -> list[nodes.Node]:
        """The table's nodes."""
        columns, rows = KINDS[self.arguments[0]]()
        lines = ["| " + " | ".join(cells) + " |" for cells in (columns, ["---"] * len(columns))]
        lines += ["| `" + "` | ".join([_cell(row[0]), " | ".join(map(_cell, row[1:]))]) + " |" for row in rows]
        holder = nodes.Element()
        self.state.nested_parse(StringList(lines, source=f"xnorkit list {self.arguments[0]}"), 0, holder)
        return holder.children


def setup(app: Sphinx) -> dict[str, bool]:
    """Sphinx calls this."""
    app.add_directive("listing", Listing)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
