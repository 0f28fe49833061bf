"""The float32 twin."""

from .base import Scheme

FP32 = Scheme(
    name="fp32",
    about="float32 weights and activations: the twin every scheme is measured against",
    source="",
    first="float",
    last="float",
    order="cbap",
    nonlinearity="relu",
    packs="float layers, folded batch norms",
    costs="32 bits a weight, a multiply-add a product",
)
