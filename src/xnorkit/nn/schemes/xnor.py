"""XNOR-Net: binary weights and activations with a scale per filter."""

from ..quantizers.xnor import Xnor
from .base import Scheme

XNOR = Scheme(
    name="xnor",
    about="XNOR-Net: sign activations, weights sign(W) * mean|W| per output filter, blocks B-A-C-P",
    source="Rastegari et al. 2016 (XNOR-Net v4), sec. 3.2 and 3.3",
    weight=Xnor(),
    recipe={"train.clip_latent": True},
    costs="1 bit a weight; XNOR and a bit count for 64 products; with K a box filter of |x| in float32",
)
