"""BNN: binary weights and activations."""

from ..quantizers.bnn import SignWeight
from .base import Scheme

BNN = Scheme(
    name="bnn",
    about="BNN: sign activations, weights sign(W) without a scale, latent weights clipped to [-1, 1]",
    source="Courbariaux et al. 2016 (BNN), algorithm 1",
    weight=SignWeight(),
    recipe={"train.clip_latent": True},
    costs="1 bit a weight; XNOR and a bit count for 64 products",
)
