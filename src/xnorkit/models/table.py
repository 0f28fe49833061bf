"""THE MODEL TABLE: one row a network. ``create_model``, tests, docs and ``xnorkit list models`` read it."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from torch import nn

from ..errors import RangeError
from ..nn.schemes import find_scheme
from .alexnet import alexnet
from .binarynet import binarynet
from .cnv import cnv
from .lenet import lenet5, lenet_300_100
from .nin import nin
from .resnet import resnet18
from .vgg_small import vgg_small


@dataclass(frozen=True)
class Model:
    """A row: the builder ``(method, num_classes, in_chans, **options) -> nn.Module`` and its default options."""

    name: str
    doc: str
    build: Callable[..., nn.Module]
    options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def accepts(self) -> tuple[str, ...]:
        """Names of the builder's options."""
        parameters = inspect.signature(self.build).parameters.values()
        return tuple(p.name for p in parameters if p.kind is inspect.Parameter.KEYWORD_ONLY)


MODELS: dict[str, Model] = {
    row.name: row
    for row in (
        Model("lenet_300_100", "LeNet-300-100: two hidden dense layers (LeCun et al. 1998)", lenet_300_100),
        Model("lenet5", "LeNet-5 as in Caffe: 20C5-MP-50C5-MP-500-10 (LeCun et al. 1998)", lenet5),
        Model("binarynet", "BinaryNet's CIFAR-10 net: 3x3 convolutions, 128 to 512 wide (Courbariaux et al. 2016)",
              binarynet),
        Model("binarynet_small", "BinaryNet at a quarter of its width, for 8x8 to 32x32 images", binarynet,
              {"width": 0.25, "input_size": 28}),
        Model("vgg_small", "VGG-Small, the CIFAR-10 net of LQ-Nets and IR-Net; widths by stage are an option",
              vgg_small),
        Model("nin", "Network in Network, the CIFAR-10 net of XNOR-Net's PyTorch code (Lin et al. 2014)", nin),
        Model("cnv", "FINN's CIFAR-10 net: 3x3 convolutions without padding (Umuroglu et al. 2017)", cnv),
        Model("alexnet", "AlexNet as XNOR-Net has it: no groups, batch norms (Rastegari et al. 2016)", alexnet),
        Model("resnet18", "ResNet-18 with XNOR-Net's or Bi-Real's shortcuts (He et al. 2016)", resnet18),
    )
}  # fmt: skip


def list_models() -> list[str]:
    """Names for ``create_model``, sorted.

    >>> list_models()
    ['alexnet', 'binarynet', 'binarynet_small', 'cnv', 'lenet5', 'lenet_300_100', 'nin', 'resnet18', 'vgg_small']
    """
    return sorted(MODELS)


def create_model(
    name: str, method: str = "xnor", num_classes: int = 10, in_chans: int = 1, **options: Any
) -> nn.Module:
    """A network of the table with fresh weights; it takes raw pixels 0..255 as float ``(N, in_chans, H, W)``.

    options: those of the builder, e.g. ``input_size``, ``weight``, ``activation``, ``mean``/``std`` (read by fp32).
    The result carries ``model.config``, the arguments that rebuild it: ``create_model(**model.config)``.
    Raises RangeError for an unknown name, method or option.

    >>> create_model("lenet5", method="xnor").config
    {'name': 'lenet5', 'method': 'xnor', 'num_classes': 10, 'in_chans': 1, 'input_size': 28}
    """
    if name not in MODELS:
        raise RangeError("create_model", "name", got=name, expected=f"one of {list_models()}")
    find_scheme(method)
    row = MODELS[name]
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
    model.config = {"name": name, "method": method, "num_classes": num_classes, "in_chans": in_chans,
                    "input_size": size, **asked}  # type: ignore[assignment]  # fmt: skip
    return model
