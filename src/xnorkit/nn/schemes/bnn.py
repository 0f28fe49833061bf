"""BNN: binary weights and activations, as its Theano scripts and as its Torch code train them."""

from ..quantizers.bnn import SignWeight
from ..quantizers.stochastic import StochasticSign
from .base import Scheme

BNN = Scheme(
    name="bnn",
    about="BNN: sign activations, weights sign(W) without a scale, latent weights clipped to [-1, 1]",
    source="Courbariaux et al. 2016 (BNN), algorithm 1; its nets are bnn[first=planes,last=binary]",
    weight=SignWeight(),
    recipe={"train.clip_latent": True},
    costs="1 bit a weight; XNOR and a bit count for 64 products",
)

BNN_SHIFT = Scheme(
    name="bnn-shift",
    about="BNN as its Torch code has it: all layers binary, neurons drawn at random in training, batch norm and "
    "AdaMax by shifts, squared hinge",
    source="Courbariaux, Hubara et al. 2016 (BNN), sec. 1.2 and 1.4, algorithms 3 and 4; itayhubara/BinaryNet, which "
    "halves 2^-6 every 50 epochs on CIFAR-10 (schedule.every=50), every 20 on MNIST",
    weight=SignWeight(),
    activation=StochasticSign(),
    first="planes",
    last="binary",
    norm="shift",
    recipe={
        "optim.name": "shift_adamax",
        "optim.form": "lua",
        "optim.lr": 2.0**-6,
        "optim.betas": [0.9, 0.999],
        "optim.eps": 2.0**-27,
        "optim.lr_scale": "glorot-ap2",
        "schedule.name": "step",
        "schedule.warmup": 0.0,
        "schedule.every": 50,
        "schedule.gamma": 0.5,
        "train.loss": "squared_hinge",
        "train.clip_latent": True,
    },
    costs="1 bit a weight; XNOR and a bit count for 64 products; eight times that in the first layer",
)
