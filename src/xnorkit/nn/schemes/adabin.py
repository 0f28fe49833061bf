"""AdaBin: two values a filter and two an input, wherever they lie."""

from ..quantizers.adabin import AdaBinActivation, AdaBinWeight
from .base import Scheme

ADABIN = Scheme(
    name="adabin",
    about="AdaBin: weights from {mean - std, mean + std} of the filter, activations from two learned values",
    source="Tu et al. 2022 (AdaBin), sec. 3",
    weight=AdaBinWeight(),
    activation=AdaBinActivation(),
    recipe={"train.clip_latent": False},
    packs="hidden weights as float32: {beta - alpha, beta + alpha} is no sign times a scale, and padding is neither",
    costs="32 bits a weight; float sums",
)
