"""Modules in the style of torch.nn. Start with ``binary.py``."""

from .activation import BinaryActivation, Pixels
from .affine import ChannelAffine
from .binary import BinaryConv2d, BinaryLinear
from .fewbit import FewBitConv2d, FewBitLinear
from .formed import FormedConv2d, FormedLayer, FormedLinear, HashedConv2d, HashedLinear
from .gate import ChannelGate
from .int8 import Int8Conv2d, Int8Linear
from .nonlinear import RPReLU
from .shift_norm import ShiftBatchNorm1d, ShiftBatchNorm2d
from .state import QuantizedModule, quantized_modules, set_progress_

__all__ = [
    "BinaryActivation", "BinaryConv2d", "BinaryLinear", "ChannelAffine", "ChannelGate", "FewBitConv2d", "FewBitLinear",
    "FormedConv2d", "FormedLayer", "FormedLinear", "HashedConv2d", "HashedLinear", "Int8Conv2d",
    "Int8Linear", "Pixels", "QuantizedModule", "RPReLU", "ShiftBatchNorm1d", "ShiftBatchNorm2d", "quantized_modules",
    "set_progress_",
]  # fmt: skip
