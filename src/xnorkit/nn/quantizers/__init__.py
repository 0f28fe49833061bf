"""From real numbers to -1/+1 and int8, each row with its gradient. Start with ``table.py``."""

from .base import ActivationQuantizer, WeightQuantizer
from .bnn import SignWeight
from .int8 import Int8
from .pixels import PixelCodes
from .real import Real
from .ste import Sign
from .table import QUANTIZERS, activation_quantizer, weight_quantizer
from .xnor import Xnor

__all__ = [
    "QUANTIZERS", "ActivationQuantizer", "Int8", "PixelCodes", "Real", "Sign", "SignWeight", "WeightQuantizer", "Xnor",
    "activation_quantizer", "weight_quantizer",
]  # fmt: skip
