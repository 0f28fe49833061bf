"""Trained Ternary Quantization."""

from ..quantizers.real import Real
from ..quantizers.ternary import Ttq
from .base import Scheme

TTQ = Scheme(
    name="ttq",
    about="Trained Ternary Quantization: weights -W_n, 0, +W_p with two learned scales a layer, real activations, ReLU",
    source="Zhu et al. 2017 (TTQ), sec. 3; the ends stay float, sec. 4",
    weight=Ttq(),
    activation=Real(),
    first="float",
    last="float",
    order="cbap",
    nonlinearity="relu",
    recipe={"train.clip_latent": False},
    packs="float32 layers: its values are packed as they are, because two learned scales leave no one integer sum",
    costs="32 bits a weight in the packed file; a multiply-add a product",
)
