"""9 CROSSING: the only bridge from torch to the torch-free spine. Open ``exporter.py`` first."""

from .exporter import ExportReport, LayerRow, export, to_graph
from .parity import ParityRow, VerifyReport, verify

__all__ = ["ExportReport", "LayerRow", "ParityRow", "VerifyReport", "export", "to_graph", "verify"]
