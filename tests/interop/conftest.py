"""These tests draw their graphs and inputs from the generators of the graph's and the runtime's tests."""

import sys
from pathlib import Path

sys.path.extend(str(Path(__file__).resolve().parents[1] / room) for room in ("graph", "runtime"))
