"""Named ways to binarize a whole network. Start with ``table.py``."""

from .base import Scheme
from .table import SCHEMES, find_scheme

__all__ = ["SCHEMES", "Scheme", "find_scheme"]
