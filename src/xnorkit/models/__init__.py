"""Networks of the literature under every method. Start with ``table.py``."""

from .summary import Summary, summary
from .table import MODELS, config_of, create_model, list_models

__all__ = ["MODELS", "Summary", "config_of", "create_model", "list_models", "summary"]
