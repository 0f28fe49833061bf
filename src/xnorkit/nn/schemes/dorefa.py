"""DoReFa-Net: k-bit weights, activations and gradients."""

from ..quantizers.dorefa import DorefaActivation, DorefaWeight
from .base import Scheme

DOREFA = Scheme(
    name="dorefa",
    about="DoReFa-Net, W1 A2 G32: weights sign(W) * E|W| of the layer, 2-bit activations; weight.bits, activation.bits,"
    " gradient=dorefa and gradient.bits change them",
    source="Zhou et al. 2016 (DoReFa-Net), sec. 2; the ends stay float, sec. 2.7",
    weight=DorefaWeight(bits=1),
    activation=DorefaActivation(bits=2),
    first="float",
    last="float",
    order="cbap",
    nonlinearity="relu",
    recipe={"train.clip_latent": False},
    packs="hidden layers: weights of 1 to 4 bits as planes, of 5 to 7 as int8, activations as codes; the two ends are "
    "float32. Gradients exist in training only",
    costs="k bits a weight; integer sums of codes, by table; batch norm and quantizer are 2^a - 1 comparisons",
)
