"""A new quantizer is one file and one row: by its name it is trained, packed and verified; nothing else is edited."""

from __future__ import annotations

import importlib.util
import re
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import xnorkit
from xnorkit.errors import RangeError
from xnorkit.export import export, verify
from xnorkit.nn import QUANTIZERS, clip_weights_, find_scheme
from xnorkit.nn.layers.state import quantized_modules
from xnorkit.runtime.session import Session

ROOT = Path(__file__).resolve().parents[2]
MOST_STEPS = 7

WEIGHT = '''
"""Signs times the median magnitude."""

from dataclasses import dataclass
from typing import ClassVar

from xnorkit.nn.quantizers.base import EVALUATION, WeightQuantizer
from xnorkit.nn.quantizers.straight import in_units


@dataclass(frozen=True)
class Median(WeightQuantizer):
    """forward ``W~ = sign(W) median|W|`` of a filter; gradient: the identity."""

    name: ClassVar[str] = "median"
    floor: float = 0.0

    def __call__(self, weight, moment=EVALUATION):
        scale = weight.detach().abs().flatten(1).median(1).values.clamp(min=self.floor)
        return in_units(weight, scale, (weight.detach() >= 0) * 2.0 - 1.0)


ROW = Median
'''

ACTIVATION = '''
"""Codes of steps that begin below zero."""

from dataclasses import dataclass
from typing import ClassVar

from xnorkit.nn.quantizers.codes import CodeQuantizer


@dataclass(frozen=True)
class Lifted(CodeQuantizer):
    """forward ``q = floor(4 x + lift)`` clipped to 0..2^k - 1, worth 1/4; gradient: the identity in that window."""

    name: ClassVar[str] = "lifted"
    bits: int = 3
    lift: float = 1.5

    @property
    def unit(self):
        return 0.25

    @property
    def scale(self):
        return 4.0

    @property
    def bias(self):
        return self.lift

    @property
    def window(self):
        return -self.lift / 4, ((1 << self.bits) - self.lift) / 4


ROW = Lifted
'''

FILES: dict[str, tuple[str, str, str]] = {
    "median": (WEIGHT, "bnn[weight=median, weight.floor=0.01, first=planes, last=binary]", "bconv2d"),
    "lifted": (ACTIVATION, "qnn[activation=lifted, activation.bits=2]", "wconv2d"),
}
"""Name -> (the file, a scheme that uses it by name, with an option of its own; what a hidden convolution becomes)."""


def added(name: str, text: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The row of a file that was not there before."""
    (folder / f"{name}.py").write_text(text)
    spec = importlib.util.spec_from_file_location(f"added_{name}", folder / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, spec.name, module)
    spec.loader.exec_module(module)
    monkeypatch.setitem(QUANTIZERS, (module.ROW.kind, module.ROW.name), module.ROW)
    return module.ROW


@pytest.mark.parametrize("name", FILES)
def test_a_file_and_a_row_are_enough(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text, spec, op = FILES[name]
    with pytest.raises(RangeError, match=name):
        find_scheme(spec)
    row = added(name, text, tmp_path, monkeypatch)
    torch.manual_seed(0)
    model = xnorkit.create_model("vgg_small", spec, num_classes=4, in_chans=1, input_size=8, stages=[[8], [8, 8]])
    used = [q for m in quantized_modules(model) for q in (m.weight_quantizer, m.activation_quantizer)]
    assert any(isinstance(quantizer, row) for quantizer in used)
    pixels, losses = trained(model)
    assert losses[-1] < losses[0]
    path = tmp_path / "net.xnor.safetensors"
    report = export(model.eval(), torch.zeros(1, 1, 8, 8), path)
    layer = next(layer for layer in report.layers if layer.name == "blocks.0.conv")
    assert layer.op == op and layer.packed and layer.weight_bits == 1
    images = pixels.permute(0, 2, 3, 1).numpy().astype(np.uint8)
    found = verify(model, path, images)
    assert found.ok and found.mismatches == 0, found.first_difference
    assert all(row.binding and row.different == 0 for row in found.layers)
    with torch.no_grad():
        assert np.allclose(Session(report.graph)(images).reshape(-1, 4), model(pixels).numpy(), atol=1e-4)


def trained(model: torch.nn.Module) -> tuple[torch.Tensor, list[float]]:
    """(pixels, loss of each step): which quarter of the picture is bright."""
    labels = torch.arange(64) % 4
    pixels = torch.randint(0, 128, (64, 1, 8, 8), generator=torch.Generator().manual_seed(1)).float()
    for picture, label in zip(pixels, labels.tolist(), strict=True):
        picture[0, 4 * (label // 2) :, 4 * (label % 2) :][:4, :4] += 127
    optimizer, losses = torch.optim.Adam(model.parameters(), 0.01), []
    for _ in range(12):
        optimizer.zero_grad()
        loss = torch.nn.functional.cross_entropy(model(pixels), labels)
        loss.backward()
        optimizer.step()
        clip_weights_(model)
        losses.append(loss.item())
    return pixels, losses


def test_the_steps_are_at_most_seven_and_name_what_is_there() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    section = text.split("## Add a quantizer\n")[1].split("\n## ")[0]
    steps = re.findall(r"^(\d+)\. ", section, re.M)
    assert steps == [str(i) for i in range(1, len(steps) + 1)] and 0 < len(steps) <= MOST_STEPS
    for named in re.findall(r"`([\w/<>.]+/[\w/<>.]*)`", section):
        path = named.split("<")[0]
        assert (ROOT / path).exists() or (ROOT / "src/xnorkit" / path).exists(), named
