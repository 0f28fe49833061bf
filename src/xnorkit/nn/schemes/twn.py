"""Ternary Weight Networks."""

from ..quantizers.real import Real
from ..quantizers.ternary import Twn
from .base import Scheme

TWN = Scheme(
    name="twn",
    about="Ternary Weight Networks: weights -1, 0, +1 times one scale a layer, real activations, ReLU",
    source="Li et al. 2016 (TWN), sec. 2",
    weight=Twn(),
    activation=Real(),
    first="float",
    last="float",
    order="cbap",
    nonlinearity="relu",
    recipe={"train.clip_latent": False},
    packs="hidden layers: two bits a weight, activations in float32; the two ends are float32",
    costs="2 bits a weight; two additions for a product",
)
