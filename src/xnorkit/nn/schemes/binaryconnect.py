"""BinaryConnect: binary weights on real activations."""

from ..quantizers.bnn import SignWeight
from ..quantizers.real import Real
from .base import Scheme

BINARYCONNECT = Scheme(
    name="binaryconnect",
    about="BinaryConnect: weights sign(W) of every layer, real activations, ReLU; weight.stochastic draws them in "
    "training",
    source="Courbariaux et al. 2015 (BinaryConnect), algorithm 1; recipe: its cifar10.py: "
    "Adam 3e-3 -> 2e-6 by a factor an epoch, steps times Glorot's scale, squared hinge",
    weight=SignWeight(),
    activation=Real(),
    first="planes",
    last="binary",
    order="cbap",
    nonlinearity="relu",
    recipe={
        "optim.name": "adam",
        "optim.lr": 3e-3,
        "optim.weight_decay": 0.0,
        "optim.lr_scale": "glorot",
        "schedule.name": "exponential",
        "schedule.warmup": 0.0,
        "schedule.floor": 2e-6 / 3e-3,
        "train.loss": "squared_hinge",
        "train.clip_latent": True,
    },
    packs="all weights, one bit each, activations in float32; with weight.evaluate=real float32 weights: the trained "
    "numbers themselves are used, and a bit does not hold them",
    costs="1 bit a weight; an addition for a product",
)
