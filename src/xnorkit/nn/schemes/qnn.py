"""Quantized Neural Networks: linear or logarithmic quantizers of a few bits."""

from ..quantizers.bnn import SignWeight
from ..quantizers.linear import LinearActivation
from .base import Scheme

QNN = Scheme(
    name="qnn",
    about="QNN: 1-bit weights, 4-bit linear activations; weight=linear, weight=log, activation=log and gradient=dorefa"
    " are its other quantizers",
    source="Hubara et al. 2016 (QNN), sec. 3",
    weight=SignWeight(),
    activation=LinearActivation(bits=4),
    first="planes",
    last="binary",
    order="cbap",
    nonlinearity="relu",
    recipe={"train.loss": "squared_hinge", "train.clip_latent": True},
    packs="all of it with linear activations, weights wider than 2 bits as int8; activation=log leaves "
    "activations in float32, made by 2^k - 1 comparisons, "
    "and weights wider than 2 bits too",
    costs="k bits a weight; integer sums of codes, by table; batch norm and quantizer are 2^a - 1 comparisons",
)
