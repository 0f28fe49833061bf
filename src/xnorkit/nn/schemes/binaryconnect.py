"""BinaryConnect: binary weights on real activations."""

from ..quantizers.bnn import SignWeight
from ..quantizers.real import Real
from .base import Scheme

BINARYCONNECT = Scheme(
    name="binaryconnect",
    about="BinaryConnect: weights sign(W) of every layer, real activations, ReLU; weight.stochastic draws them in "
    "training",
    source="Courbariaux et al. 2015 (BinaryConnect), algorithm 1",
    weight=SignWeight(),
    activation=Real(),
    first="planes",
    last="binary",
    order="cbap",
    nonlinearity="relu",
    recipe={"train.loss": "squared_hinge", "train.clip_latent": True},
    packs="all weights, one bit each, activations in float32; with weight.evaluate=real float32 weights: the trained "
    "numbers themselves are used, and a bit does not hold them",
    costs="1 bit a weight; an addition for a product",
)
