"""BNN+: the derivative of SignSwish in place of a window."""

from ..quantizers.bireal import SwishSignWeight
from ..quantizers.slope import SwishSign
from .base import Scheme

BNN_PLUS = Scheme(
    name="bnn-plus",
    about="BNN+: signs and weights sign(W) * mean|W| with the slope of SignSwish; without the paper's penalty on |W|",
    source="Darabi et al. 2018 (BNN+), sec. 3",
    weight=SwishSignWeight(),
    activation=SwishSign(),
    recipe={"train.clip_latent": True},
    costs="1 bit a weight; XNOR and a bit count for 64 products",
)
