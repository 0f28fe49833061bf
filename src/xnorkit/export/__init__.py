"""9 CROSSING: the only bridge from torch to the torch-free spine. Open ``exporter.py`` first."""

from ..nn import functional as _operators  # registers the xnorkit:: operators the lowering table names
from .exporter import ExportReport, LayerRow, export, to_graph
from .parity import ParityRow, VerifyReport, verify

__all__ = ["ExportReport", "LayerRow", "ParityRow", "VerifyReport", "export", "to_graph", "verify"]
