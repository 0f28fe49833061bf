"""9 CROSSING: the only bridge from torch to the torch-free spine. Open ``exporter.py`` first."""

from .exporter import ExportReport, LayerRow, export, to_graph
from .parity import ParityRow, VerifyReport, verify
from .rehearsal import Rehearsal, rehearse

__all__ = [
    "ExportReport",
    "LayerRow",
    "ParityRow",
    "Rehearsal",
    "VerifyReport",
    "export",
    "rehearse",
    "to_graph",
    "verify",
]
