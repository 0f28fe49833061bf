"""From real numbers to -1/+1, codes and few bits, each row with its gradient. Start with ``table.py``."""

from .backward import DorefaGradient, GradientQuantizer, MaxSign
from .base import ActivationQuantizer, WeightQuantizer
from .bnn import SignWeight
from .dorefa import DorefaActivation, DorefaWeight
from .int8 import Int8
from .linear import LinearActivation, LinearWeight
from .log import LogActivation, LogWeight
from .pixels import PixelCodes
from .real import Real
from .ste import Sign
from .stochastic import StochasticSign
from .table import QUANTIZERS, activation_quantizer, gradient_quantizer, weight_quantizer
from .ternary import Ttq, Twn
from .xnor import Xnor
from .xnor_k import XnorK

__all__ = [
    "QUANTIZERS", "ActivationQuantizer", "DorefaActivation", "DorefaGradient", "DorefaWeight", "GradientQuantizer",
    "Int8", "LinearActivation", "LinearWeight", "LogActivation", "LogWeight", "MaxSign", "PixelCodes", "Real", "Sign",
    "SignWeight", "StochasticSign", "Ttq", "Twn", "WeightQuantizer", "Xnor", "XnorK", "activation_quantizer",
    "gradient_quantizer", "weight_quantizer",
]  # fmt: skip
