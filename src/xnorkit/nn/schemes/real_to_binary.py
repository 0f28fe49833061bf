"""Real-to-Binary: output channels scaled by what the real input looks like."""

from ..quantizers.slope import ApproxSign
from ..quantizers.xnorpp import XnorPlusPlus
from .base import Scheme

REAL_TO_BINARY = Scheme(
    name="real-to-binary",
    about="Real-to-Binary: learned scales, each output channel times a gate of the real input, PReLU, shortcuts",
    source="Martinez et al. 2020 (Real-to-Binary), sec. 4; its losses and stages are the recipe's",
    weight=XnorPlusPlus(),
    activation=ApproxSign(),
    nonlinearity="prelu",
    shortcut=True,
    gate=8,
    packs="all of it; the gate's dense layers stay float",
    recipe={"train.clip_latent": True},
    costs="1 bit a weight; XNOR and a bit count for 64 products; per convolution a mean and two small dense layers",
)
