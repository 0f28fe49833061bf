"""What goes wrong in a training, by layer and with its factor: see `watch.Diagnostics`."""

from xnorkit.train.diagnostics.report import Finding, LayerRow, Limits, Report
from xnorkit.train.diagnostics.watch import Diagnostics

__all__ = ["Diagnostics", "Finding", "LayerRow", "Limits", "Report"]
