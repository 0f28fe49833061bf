"""The runtime's tests draw their graphs from the graph room's generator."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1] / "graph"))
