"""Binary-Weight-Networks: binary weights with a scale per filter, on real activations."""

from ..quantizers.real import Real
from ..quantizers.xnor import Xnor
from .base import Scheme

BWN = Scheme(
    name="bwn",
    about="Binary-Weight-Networks: weights sign(W) * mean|W| per output filter, real activations, ReLU",
    source="Rastegari et al. 2016 (XNOR-Net v4), sec. 3.1",
    weight=Xnor(),
    activation=Real(),
    first="float",
    last="float",
    order="cbap",
    nonlinearity="relu",
    recipe={"train.clip_latent": True},
    packs="hidden layers: one bit a weight, activations in float32; the two ends are float32",
    costs="1 bit a weight and 32 a filter; an addition for a product",
)
