"""Modules in the style of torch.nn. Start with ``binary.py``."""

from .activation import BinaryActivation, Pixels
from .binary import BinaryConv2d, BinaryLinear
from .int8 import Int8Conv2d, Int8Linear

__all__ = ["BinaryActivation", "BinaryConv2d", "BinaryLinear", "Int8Conv2d", "Int8Linear", "Pixels"]
