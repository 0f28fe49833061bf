"""XNOR-Net++: learned scales."""

from ..quantizers.xnorpp import XnorPlusPlus
from .base import Scheme

XNOR_PLUS_PLUS = Scheme(
    name="xnor++",
    about="XNOR-Net++: sign activations, weights sign(W) times a learned scale per output channel, no K",
    source="Bulat and Tzimiropoulos 2019 (XNOR-Net++), sec. 3, case 1",
    weight=XnorPlusPlus(),
    recipe={"train.clip_latent": True},
    packs="all of it; factors per row and column of the output (cases 2 to 4) are left out: they fix the image's size",
    costs="1 bit a weight; XNOR and a bit count for 64 products",
)
