"""Optimizers: the table, one file a rule of our own, and how a model's parameters are dealt to them.

Start with ``table.py``; ``make`` builds what a recipe asks for, ``set_factor`` follows its schedule,
``restore`` goes on from a saved state.
"""

from .bop import Bop
from .grouped import Grouped, make, set_factor
from .layout import restore
from .shift_adamax import ShiftAdaMax
from .table import OPTIMIZERS

__all__ = ["OPTIMIZERS", "Bop", "Grouped", "ShiftAdaMax", "make", "restore", "set_factor"]
