"""Binary, few-bit and int8 layers for PyTorch whose exported operations are exactly what they train."""

from . import fewbit, functional
from .binarize import binarize
from .clip import clip_weights_, latent_weights, uniform_weights_
from .layers import (
    BinaryActivation,
    BinaryConv2d,
    BinaryLinear,
    ChannelGate,
    FewBitConv2d,
    FewBitLinear,
    Int8Conv2d,
    Int8Linear,
    Pixels,
    RPReLU,
    ShiftBatchNorm1d,
    ShiftBatchNorm2d,
    set_progress_,
)  # fmt: skip
from .quantizers import (
    QUANTIZERS,
    AdaBinActivation,
    AdaBinWeight,
    ApproxSign,
    BiReal,
    Ede,
    Int8,
    IrNet,
    Real,
    RSign,
    Sign,
    SignWeight,
    StochasticSign,
    SwishSign,
    SwishSignWeight,
    Window,
    Xnor,
    XnorPlusPlus,
)  # fmt: skip
from .schemes import SCHEMES, Scheme, find_scheme

__all__ = [
    "QUANTIZERS", "SCHEMES", "AdaBinActivation", "AdaBinWeight", "ApproxSign", "BiReal", "BinaryActivation",
    "BinaryConv2d", "BinaryLinear", "ChannelGate", "Ede", "FewBitConv2d", "FewBitLinear", "Int8", "Int8Conv2d",
    "Int8Linear", "IrNet", "Pixels", "RPReLU", "RSign", "Real", "Scheme", "ShiftBatchNorm1d", "ShiftBatchNorm2d",
    "Sign", "SignWeight", "StochasticSign", "SwishSign", "SwishSignWeight", "Window", "Xnor", "XnorPlusPlus",
    "binarize", "clip_weights_", "fewbit", "find_scheme", "functional", "latent_weights", "set_progress_",
    "uniform_weights_",
]  # fmt: skip
