"""Networks of the literature under every method. Start with ``table.py``."""

from .summary import Summary, summary
from .table import MODELS, create_model, list_models

__all__ = ["MODELS", "Summary", "create_model", "list_models", "summary"]
