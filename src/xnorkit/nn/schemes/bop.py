"""Bop: the nets of BNN without latent weights."""

from ..quantizers.bnn import SignWeight
from .base import Scheme

BOP = Scheme(
    name="bop",
    about="Bop: sign activations, weights that are -1/+1 and flip by their gradients' momentum; no latent weights",
    source="Helwegen et al. 2019 (Latent weights do not exist), algorithm 1 and sec. 5",
    weight=SignWeight(),
    recipe={
        "optim.name": "adam",
        "optim.lr": 0.01,
        "optim.binary.name": "bop",
        "optim.binary.lr": 1e-4,
        "optim.binary.threshold": 1e-8,
        "train.clip_latent": False,
    },
    costs="1 bit a weight; XNOR and a bit count for 64 products; in training one number a weight beside its sign",
)
