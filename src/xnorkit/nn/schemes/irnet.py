"""IR-Net: balanced weights, a gradient that sharpens."""

from ..quantizers.irnet import IrNet
from ..quantizers.slope import Ede
from .base import Scheme

IR_NET = Scheme(
    name="ir-net",
    about="IR-Net: centred and normalised weights, scale 2^s, signs whose slope sharpens over the training (EDE)",
    source="Qin et al. 2020 (IR-Net), sec. 3.2 and 3.3",
    weight=IrNet(),
    activation=Ede(),
    recipe={
        "train.clip_latent": False, "optim.name": "sgd", "optim.lr": 0.1, "optim.momentum": 0.9,
        "optim.weight_decay": 1e-4, "schedule.name": "cosine",
    },
    costs="1 bit a weight; XNOR and a bit count for 64 products; the scale is a shift",
)  # fmt: skip
