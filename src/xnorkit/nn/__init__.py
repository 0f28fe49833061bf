"""Binary, few-bit and int8 layers for PyTorch whose exported operations are exactly what they train."""

from . import fewbit, functional
from .binarize import binarize
from .clip import clip_weights_, latent_weights
from .layers import (
    BinaryActivation,
    BinaryConv2d,
    BinaryLinear,
    FewBitConv2d,
    FewBitLinear,
    Int8Conv2d,
    Int8Linear,
    Pixels,
    RPReLU,
    set_progress_,
)  # fmt: skip
from .quantizers import QUANTIZERS, Int8, Real, Sign, SignWeight, StochasticSign, Xnor
from .schemes import SCHEMES, Scheme, find_scheme

__all__ = [
    "QUANTIZERS", "SCHEMES", "BinaryActivation", "BinaryConv2d", "BinaryLinear", "FewBitConv2d", "FewBitLinear", "Int8",
    "Int8Conv2d", "Int8Linear", "Pixels", "RPReLU", "Real", "Scheme", "Sign", "SignWeight", "StochasticSign", "Xnor",
    "binarize",
    "clip_weights_", "fewbit", "find_scheme", "functional", "latent_weights", "set_progress_",
]  # fmt: skip
