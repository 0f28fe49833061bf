"""THE MODEL TABLE: one row a network. ``create_model``, tests, docs and ``xnorkit list models`` read it."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from torch import nn

from ..errors import RangeError
from ..nn.edits import Edit, apply_edits
from ..nn.schemes import find_scheme
from . import binary_densenet, bireal, fc, meliusnet, quicknet, resnet_e
from .alexnet import alexnet
from .binarynet import binarynet
from .cnv import cnv
from .googlenet import googlenet
from .lenet import lenet5, lenet5_1998, lenet_300_100
from .nin import nin
from .reactnet_a import reactnet_a
from .resnet import resnet
from .shallow import shallow
from .vgg import DEPTHS, vgg
from .vgg_small import vgg_small
from .zfnet import zfnet


@dataclass(frozen=True)
class Model:
    """A row: the builder ``(method, num_classes, in_chans, **options) -> nn.Module`` and its default options.

    small: options of the narrowest net that still has every kind of layer, for tests and `make parity`. in_chans: of
    the pictures it was made for. method: the scheme of its paper, which ``create_model`` takes unless told another.
    """

    name: str
    doc: str
    build: Callable[..., nn.Module]
    options: Mapping[str, Any] = field(default_factory=dict)
    small: Mapping[str, Any] = field(default_factory=dict)
    in_chans: int = 3
    method: str = "xnor"

    @property
    def accepts(self) -> tuple[str, ...]:
        """Names of the builder's options."""
        parameters = inspect.signature(self.build).parameters.values()
        return tuple(p.name for p in parameters if p.kind is inspect.Parameter.KEYWORD_ONLY)


MODELS: dict[str, Model] = {
    row.name: row
    for row in (
        Model("lenet_300_100", "LeNet-300-100: two hidden dense layers (LeCun et al. 1998)", lenet_300_100, in_chans=1),
        Model("lenet5", "LeNet-5 as in Caffe: 20C5-MP-50C5-MP-500-10 (LeCun et al. 1998)", lenet5, in_chans=1),
        Model("lenet5_1998", "LeNet-5 of 1998: 6C5-16C5-120C5-84-10 on 32x32 (LeCun et al. 1998)", lenet5_1998,
              in_chans=1),
        Model("shallow", "one hidden layer behind a linear bottleneck (Ba and Caruana 2014)", shallow,
              small={"hidden": 64, "bottleneck": 16}, in_chans=1),
        Model("sfc", "FINN's SFC: three hidden dense layers of 256 (Umuroglu et al. 2017)", fc.fc, {"neurons": 256},
              {"neurons": 64}, 1, fc.METHOD),
        Model("lfc", "FINN's LFC: three hidden dense layers of 1024 (Umuroglu et al. 2017)", fc.fc, {"neurons": 1024},
              {"neurons": 64}, 1, fc.METHOD),
        Model("binarynet", "BinaryNet's CIFAR-10 net: 3x3 convolutions, 128 to 512 wide (Courbariaux et al. 2016)",
              binarynet, small={"width": 0.0625}),
        Model("binarynet_small", "BinaryNet at a quarter of its width, for 8x8 to 32x32 images", binarynet,
              {"width": 0.25, "input_size": 28}, {"width": 0.0625, "input_size": 16}, 1),
        Model("vgg_small", "VGG-Small, the CIFAR-10 net of LQ-Nets and IR-Net; widths by stage are an option",
              vgg_small, small={"stages": [[16], [16, 32]], "input_size": 16}),
        Model("nin", "Network in Network, the CIFAR-10 net of XNOR-Net's PyTorch code (Lin et al. 2014)", nin,
              small={"width": 0.125}),
        Model("cnv", "FINN's CIFAR-10 net: 3x3 convolutions without padding (Umuroglu et al. 2017)", cnv,
              small={"width": 0.25}),
        Model("alexnet", "AlexNet as XNOR-Net has it: no groups, batch norms (Rastegari et al. 2016)", alexnet,
              small={"width": 0.1, "input_size": 67}),
        Model("alexnet_torchvision", "AlexNet of 64 to 384 channels, as torchvision has it (Krizhevsky 2014)", alexnet,
              {"layout": "torchvision"}, {"width": 0.125, "input_size": 67}),
        Model("alexnet_caffe", "AlexNet in two groups, as Caffe has it (Krizhevsky et al. 2012)", alexnet,
              {"layout": "caffe", "input_size": 227}, {"width": 0.125, "input_size": 67}),
        Model("zfnet", "ZFNet: AlexNet with a finer stem (Zeiler and Fergus 2014)", zfnet,
              small={"width": 0.1, "input_size": 64}),
        *(Model(f"vgg{depth}", f"VGG of {depth} layers (Simonyan and Zisserman 2015)", vgg, {"depth": depth},
                {"width": 0.125, "input_size": 32}) for depth in DEPTHS),
        Model("googlenet", "GoogLeNet with torchvision's 3x3 in place of 5x5 (Szegedy et al. 2015)", googlenet,
              small={"width": 0.125, "input_size": 32}),
        Model("googlenet_straight", "GoogLeNet without branches, XNOR-Net's (Rastegari et al. 2016)", googlenet,
              {"branches": False}, {"width": 0.125, "input_size": 32}),
        Model("resnet18", "ResNet-18 with XNOR-Net's or Bi-Real's shortcuts (He et al. 2016)", resnet,
              small={"width": 0.25, "input_size": 32}),
        Model("resnet34", "ResNet-34 (He et al. 2016)", resnet, {"depth": 34}, {"width": 0.125, "input_size": 32}),
        Model("resnet50", "ResNet-50: blocks of 1x1, 3x3, 1x1 (He et al. 2016)", resnet, {"depth": 50},
              {"width": 0.125, "input_size": 32}),
        Model("birealnet18", "Bi-Real Net of 18 layers: a shortcut around every convolution (Liu et al. 2018)",
              bireal.birealnet, small={"width": 0.125, "input_size": 32}, method=bireal.METHOD),
        Model("birealnet34", "Bi-Real Net of 34 layers (Liu et al. 2018)", bireal.birealnet,
              {"blocks": bireal.BLOCKS_34}, {"width": 0.125, "input_size": 32, "blocks": (1, 1, 2, 1)},
              method=bireal.METHOD),
        Model("reactnet18", "ReActNet of 18 layers: Bi-Real's with RSign and RPReLU (Liu et al. 2020)",
              bireal.birealnet, small={"width": 0.125, "input_size": 32}, method=bireal.REACTNET),
        Model("binary_resnet_e18", "BinaryResNetE-18: Bi-Real's residuals, a normalised stem (Bethge et al. 2019)",
              resnet_e.binary_resnet_e18, small={"width": 0.125, "input_size": 32}, method=resnet_e.METHOD),
        Model("reactnet_a", "ReActNet-A: MobileNet-v1 in one-bit convolutions with shortcuts (Liu et al. 2020)",
              reactnet_a, small={"width": 0.25, "input_size": 32}, method="reactnet[first=float, last=float]"),
        Model("binary_densenet28", "BinaryDenseNet-28: layers read all before them (Bethge et al. 2019)",
              binary_densenet.binary_densenet28, small={"width": 0.125, "input_size": 32},
              method=binary_densenet.METHOD),
        Model("meliusnet22", "MeliusNet-22: dense and improvement blocks, grouped stem (Bethge et al. 2020)",
              meliusnet.meliusnet22, small={"width": 0.25, "input_size": 32}, method=meliusnet.METHOD),
        Model("quicknet_small", "QuickNetSmall of larq-zoo (Bannink et al. 2021)", quicknet.quicknet,
              {"filters": quicknet.SMALL_FILTERS}, {"width": 0.25, "input_size": 32}, method=quicknet.METHOD),
        Model("quicknet", "QuickNet of larq-zoo: +1 around the picture, blurred pools (Bannink et al. 2021)",
              quicknet.quicknet, small={"width": 0.125, "input_size": 32}, method=quicknet.METHOD),
        Model("quicknet_large", "QuickNetLarge of larq-zoo (Bannink et al. 2021)", quicknet.quicknet,
              {"blocks": quicknet.LARGE_BLOCKS}, {"width": 0.125, "input_size": 32, "blocks": (1, 2, 1, 1)},
              method=quicknet.METHOD),
    )
}  # fmt: skip


def list_models() -> list[str]:
    """Names for ``create_model``, sorted.

    >>> {"lenet5", "resnet18", "reactnet_a"} <= set(list_models())
    True
    """
    return sorted(MODELS)


def create_model(
    name: str,
    method: str | None = None,
    num_classes: int = 10,
    in_chans: int = 1,
    *,
    edits: Sequence[Edit] = (),
    **options: Any,
) -> nn.Module:
    """A network of the table with fresh weights; it takes raw pixels 0..255 as float ``(N, in_chans, H, W)``.

    method: a scheme, ``list_schemes``; None is the row's own, the paper's for nets designed to be binary, else "xnor".
    options: those of the builder, e.g. ``input_size``, ``weight``, ``activation``, ``mean``/``std`` (read by fp32).
    edits: changes to single layers that compression made (``nn.edits``), carried out in their order.
    The result carries ``model.config``, the arguments that rebuild it: ``create_model(**model.config)``.
    Raises RangeError for an unknown name, method or option.

    >>> create_model("lenet5", method="xnor").config
    {'name': 'lenet5', 'method': 'xnor', 'num_classes': 10, 'in_chans': 1, 'input_size': 28}
    """
    if name not in MODELS:
        raise RangeError("create_model", "name", got=name, expected=f"one of {list_models()}")
    row = MODELS[name]
    method = row.method if method is None else method
    find_scheme(method)
    for option in options:
        if option not in row.accepts:
            raise RangeError("create_model", f"option of {name}", got=option, expected=f"one of {sorted(row.accepts)}")
    for label, count in (("num_classes", num_classes), ("in_chans", in_chans)):
        if count < 1:
            raise RangeError("create_model", label, got=count, expected="at least 1")
    given = {**row.options, **options}
    size = given.setdefault("input_size", inspect.signature(row.build).parameters["input_size"].default)
    model = row.build(method, num_classes, in_chans, **given)
    asked = {key: value for key, value in options.items() if key != "input_size"}
    vars(model)["config"] = {"name": name, "method": method, "num_classes": num_classes, "in_chans": in_chans,
                             "input_size": size, **asked}  # fmt: skip
    if edits:
        apply_edits(model, edits)
        vars(model)["config"]["edits"] = list(edits)
    return model


def config_of(model: nn.Module) -> dict[str, Any]:
    """The arguments that rebuild a network: ``create_model(**config_of(model))``. Raises RangeError for a module that
    ``create_model`` did not make.

    >>> config_of(create_model("lenet5", num_classes=4))["num_classes"]
    4
    """
    config = vars(model).get("config")
    if not isinstance(config, dict) or config.get("name") not in MODELS:
        raise RangeError("models", "model", got=type(model).__name__, expected="a network of create_model")
    return config
