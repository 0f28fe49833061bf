"""Binary and int8 layers for PyTorch whose exported operations are exactly what they train."""

from . import functional
from .binarize import binarize
from .clip import clip_weights_
from .layers import BinaryActivation, BinaryConv2d, BinaryLinear, Int8Conv2d, Int8Linear, Pixels
from .quantizers import QUANTIZERS, Int8, Sign, SignWeight, Xnor

__all__ = [
    "QUANTIZERS", "BinaryActivation", "BinaryConv2d", "BinaryLinear", "Int8", "Int8Conv2d", "Int8Linear", "Pixels",
    "Sign", "SignWeight", "Xnor", "binarize", "clip_weights_", "functional",
]  # fmt: skip
