"""Bi-Real Net: real shortcuts around every binary convolution."""

from ..quantizers.bireal import BiReal
from ..quantizers.slope import ApproxSign
from .base import Scheme

BI_REAL = Scheme(
    name="bi-real",
    about="Bi-Real Net: ApproxSign activations, magnitude-aware weights, a shortcut around every convolution",
    source="Liu et al. 2018 (Bi-Real Net), sec. 3",
    weight=BiReal(),
    activation=ApproxSign(),
    shortcut=True,
    recipe={"train.clip_latent": False, "optim.weight_decay": 0.0},
    costs="1 bit a weight; XNOR and a bit count for 64 products; a float addition per output",
)
