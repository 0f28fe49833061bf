"""Networks of the literature under every method. Start with ``table.py``."""

from .methods import METHODS
from .summary import Summary, summary
from .table import MODELS, create_model, list_models

__all__ = ["METHODS", "MODELS", "Summary", "create_model", "list_models", "summary"]
