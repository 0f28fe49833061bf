"""ReActNet: learned thresholds and learned nonlinearities around Bi-Real's blocks."""

from ..quantizers.bireal import BiReal, RSign
from .base import Scheme

REACTNET = Scheme(
    name="reactnet",
    about="ReActNet: signs with learned thresholds (RSign), RPReLU after the sum with the shortcut, Bi-Real weights",
    source="Liu et al. 2020 (ReActNet), sec. 4; blocks as in its Bi-Real ResNet-18 variant",
    weight=BiReal(gradient="code"),
    activation=RSign(),
    nonlinearity="rprelu",
    shortcut=True,
    recipe={"train.clip_latent": False, "schedule.name": "linear"},
    costs="1 bit a weight; XNOR and a bit count for 64 products; an addition and an RPReLU per output",
)
