"""THE QUANTIZER TABLE: one row each, found by (kind, name). Layers, tests, docs and ``xnorkit list`` read it."""

from __future__ import annotations

from typing import Any

from ...errors import RangeError
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
from .ternary import Ttq, Twn
from .xnor import Xnor
from .xnor_k import XnorK
from .xnorpp import XnorPlusPlus

Row = type[ActivationQuantizer] | type[WeightQuantizer] | type[GradientQuantizer]

_ROWS: tuple[Row, ...] = (
    # activations: signs, then codes and real numbers
    Sign, StochasticSign, ApproxSign, Window, Ede, SwishSign, RSign,
    Real, PixelCodes, DorefaActivation, LinearActivation, LogActivation, XnorK, AdaBinActivation,
    # weights: one bit, few bits, real numbers
    SignWeight, Xnor, XnorPlusPlus, BiReal, IrNet, SwishSignWeight,
    DorefaWeight, LinearWeight, LogWeight, Twn, Ttq, Int8, AdaBinWeight, RealWeight,
    # gradients
    DorefaGradient, MaxSign,
)  # fmt: skip

QUANTIZERS: dict[tuple[str, str], Row] = {(row.kind, row.name): row for row in _ROWS}


def _resolve(kind: str, base: type, spec: object) -> Any:
    if isinstance(spec, base):
        return spec
    names = sorted(name for k, name in QUANTIZERS if k == kind)
    row = QUANTIZERS.get((kind, spec)) if isinstance(spec, str) else None
    if row is None:
        raise RangeError("quantizer", kind, got=spec, expected=f"one of {names}, or a {base.__name__}")
    return row()


def weight_quantizer(spec: str | WeightQuantizer) -> WeightQuantizer:
    """The quantizer of that name with its defaults, or ``spec`` itself.

    >>> weight_quantizer("xnor")
    Xnor(gradient='exact', clip=1.0, strict=False, scale='filter', centre=False, clamp=False)
    """
    quantizer: WeightQuantizer = _resolve("weight", WeightQuantizer, spec)
    return quantizer


def activation_quantizer(spec: str | ActivationQuantizer) -> ActivationQuantizer:
    """The quantizer of that name with its defaults, or ``spec`` itself.

    >>> activation_quantizer("sign")
    Sign(clip=1.0, strict=False)
    """
    quantizer: ActivationQuantizer = _resolve("activation", ActivationQuantizer, spec)
    return quantizer


def gradient_quantizer(spec: str | GradientQuantizer | None) -> GradientQuantizer | None:
    """The quantizer of that name with its defaults, or ``spec`` itself; None for "" and None.

    >>> gradient_quantizer("dorefa"), gradient_quantizer("")
    (DorefaGradient(bits=6), None)
    """
    if spec is None or spec == "":
        return None
    quantizer: GradientQuantizer = _resolve("gradient", GradientQuantizer, spec)
    return quantizer
