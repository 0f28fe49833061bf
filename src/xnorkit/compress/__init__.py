"""Shrinking a trained net, stage after stage, down to the bytes of its file. Open ``pipeline.py`` first."""

from __future__ import annotations

from .pipeline import compress
from .stages.table import STAGES, parse_stages

__all__ = ["STAGES", "compress", "parse_stages"]
