"""From real numbers to -1/+1, codes and few bits, each row with its gradient. Start with ``table.py``."""

from .adabin import AdaBinActivation, AdaBinWeight
from .backward import DorefaGradient, GradientQuantizer, MaxSign
from .base import ActivationQuantizer, WeightQuantizer
from .bireal import BiReal, RSign, SwishSignWeight
from .bnn import SignWeight
from .dorefa import DorefaActivation, DorefaWeight
from .int8 import Int8
from .irnet import IrNet
from .linear import LinearActivation, LinearWeight
from .log import LogActivation, LogWeight
from .pixels import PixelCodes
from .real import Real, RealWeight
from .slope import ApproxSign, Ede, SwishSign, Window
from .ste import Sign
from .stochastic import StochasticSign
from .table import QUANTIZERS, activation_quantizer, gradient_quantizer, weight_quantizer
from .ternary import Ttq, Twn
from .xnor import Xnor
from .xnor_k import XnorK
from .xnorpp import XnorPlusPlus

__all__ = [
    "QUANTIZERS", "ActivationQuantizer", "AdaBinActivation", "AdaBinWeight", "ApproxSign", "BiReal",
    "DorefaActivation", "DorefaGradient", "DorefaWeight", "Ede", "GradientQuantizer", "Int8", "IrNet",
    "LinearActivation", "LinearWeight", "LogActivation", "LogWeight", "MaxSign", "PixelCodes", "RSign", "Real",
    "RealWeight", "Sign", "SignWeight", "StochasticSign", "SwishSign", "SwishSignWeight", "Ttq", "Twn",
    "WeightQuantizer", "Window", "Xnor", "XnorK", "XnorPlusPlus", "activation_quantizer", "gradient_quantizer",
    "weight_quantizer",
]  # fmt: skip
