"""Prints what the conformance suite compared: a line per implementation, with those that this CPU lacks."""

from __future__ import annotations

from collections import Counter, defaultdict

import pytest


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    compared: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for report in terminalreporter.stats.get("passed", []):
        for key, value in report.user_properties:
            if key == "conformance":
                for name, what, count in value:
                    compared[name][what] += count
    if not compared:
        return
    from implementations import IMPLEMENTATIONS

    terminalreporter.section("conformance: random configurations with equal results")
    for row in IMPLEMENTATIONS:
        counts = ", ".join(f"{count} x {what}" for what, count in sorted(compared[row.name].items()))
        terminalreporter.line(f"{row.name:<22} {counts or 'not run: this CPU lacks ' + row.missing}")
